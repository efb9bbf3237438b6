-- What the rules say of each stay: one row per stay of a bay in a zone whose rules are known for the whole of it.
-- The rules stand in Python too (melpark.parking.overstays and .kpis); tests hold the two together.
{{ config(materialized='ephemeral') }}

with stays as (
    select
        stays.kerbside_id,
        stays.revealed_at,
        stays.arrival_min_at,
        stays.arrival_max_at,
        stays.departure_min_at,
        coalesce(stays.departure_max_at, stays.departure_min_at) as known_until_at,
        stays.ending = 'open' as is_open,
        coverage.end_at as covered_until_at,
        bays.zone_number
    from {{ ref('int_stays') }} as stays
    inner join {{ ref('dim_bays') }} as bays
        on
            stays.kerbside_id = bays.kerbside_id
            and stays.revealed_at >= bays.valid_from_at
            and (bays.valid_to_at is null or stays.revealed_at < bays.valid_to_at)
    inner join {{ ref('int_rule_coverage') }} as coverage
        on
            bays.zone_number = coverage.zone_number
            and stays.arrival_min_at >= coverage.start_at
            and coalesce(stays.departure_max_at, stays.departure_min_at) <= coverage.end_at
),

-- A window lies in one local day.
days as (
    select
        *,
        explode(
            sequence(
                {{ local_date('arrival_min_at') }},
                {{ local_date('if(is_open, covered_until_at, known_until_at)') }}
            )
        ) as local_date
    from stays
),

windows as (
    select
        zone_number,
        start_at,
        end_at,
        code,
        limit_minutes,
        kind,
        is_metered,
        clock_start_at,
        {{ minutes('limit_minutes') }} as time_allowed,
        {{ local_date('start_at') }} as local_date
    from {{ ref('stg_rule_windows') }}
    where start_at < end_at
),

-- When a vehicle is over each rule: of the shortest stay, of the longest, and with a disability permit.
rules as (
    select
        days.*,
        windows.start_at,
        windows.end_at,
        windows.code,
        windows.limit_minutes,
        windows.start_at <= days.arrival_max_at and days.arrival_max_at < windows.end_at as is_at_arrival,
        windows.kind = 'unknown' as is_unknown,
        windows.start_at <= days.arrival_min_at or windows.start_at < days.known_until_at as is_touched,
        {{ over_from('windows', 'days.arrival_max_at', 'windows.time_allowed') }} as over_from_at,
        {{ over_from('windows', 'days.arrival_min_at', 'windows.time_allowed') }} as longest_over_from_at,
        {{ over_from('windows', 'days.arrival_max_at', '2 * windows.time_allowed') }} as extended_over_from_at,
        case
            when windows.is_metered
                then
                    least(
                        windows.end_at,
                        days.departure_min_at,
                        greatest(days.arrival_max_at, windows.clock_start_at) + windows.time_allowed
                    )
        end as paid_until_at
    from days
    inner join windows
        on days.zone_number = windows.zone_number and days.local_date = windows.local_date
    where
        windows.end_at > days.arrival_min_at
        and (days.is_open or windows.start_at <= days.arrival_min_at or windows.start_at < days.known_until_at)
),

-- Windows of a zone cover the same time or do not touch. Lenient: over when over under every one of them.
slabs as (
    select
        kerbside_id,
        revealed_at,
        covered_until_at,
        arrival_max_at,
        departure_min_at,
        known_until_at,
        start_at,
        end_at,
        bool_or(is_at_arrival) as is_at_arrival,
        bool_or(is_touched) as is_touched,
        bool_or(is_touched and is_unknown) as is_unknown,
        array_join(sort_array(collect_set(code)), ' + ') as code,
        if(count(limit_minutes) = count(*), max(limit_minutes), null) as limit_minutes,
        if(count(over_from_at) = count(*), max(over_from_at), null) as over_from_at,
        if(count(over_from_at) = count(*), max(longest_over_from_at), null) as lenient_from_at,
        if(count(over_from_at) = count(*), max(extended_over_from_at), null) as extended_over_from_at,
        min(longest_over_from_at) as strict_from_at,
        max(paid_until_at) as paid_until_at
    from rules
    group by
        kerbside_id,
        revealed_at,
        covered_until_at,
        arrival_max_at,
        departure_min_at,
        known_until_at,
        start_at,
        end_at
),

measured as (
    select
        kerbside_id,
        revealed_at,
        if(is_at_arrival, code, null) as code,
        if(is_at_arrival, limit_minutes, null) as limit_minutes,
        is_touched,
        is_unknown,
        {{ micros_between('over_from_at', 'least(end_at, departure_min_at)') }} as over_micros,
        {{ micros_between('lenient_from_at', 'least(end_at, known_until_at)') }} as lenient_micros,
        {{ micros_between('strict_from_at', 'least(end_at, known_until_at)') }} as strict_micros,
        {{ micros_between('extended_over_from_at', 'least(end_at, departure_min_at)') }} as extended_micros,
        {{ micros_between('greatest(start_at, arrival_max_at)', 'paid_until_at') }} as paid_micros,
        if(over_from_at < least(end_at, departure_min_at), over_from_at, null) as breach_at,
        if(over_from_at < least(end_at, covered_until_at), over_from_at, null) as permitted_until_at
    from slabs
)

select
    stays.kerbside_id,
    stays.revealed_at,
    max(measured.code) as code,
    max(measured.limit_minutes) as limit_minutes,
    coalesce(bool_or(measured.is_touched), false) as is_touched,
    coalesce(bool_or(measured.is_unknown), false) as is_unknown,
    coalesce(sum(greatest(measured.over_micros, 0L)), 0L) as over_micros,
    coalesce(sum(greatest(measured.lenient_micros, 0L)), 0L) as lenient_micros,
    coalesce(sum(greatest(measured.strict_micros, 0L)), 0L) as strict_micros,
    coalesce(sum(greatest(measured.extended_micros, 0L)), 0L) as extended_micros,
    coalesce(sum(greatest(measured.paid_micros, 0L)), 0L) as paid_micros,
    min(measured.breach_at) as first_breach_at,
    min(measured.permitted_until_at) as permitted_until_at
from stays
left join measured on stays.kerbside_id = measured.kerbside_id and stays.revealed_at = measured.revealed_at
group by stays.kerbside_id, stays.revealed_at
