-- What the rules say of each stay, and of what bay it was: one row per stay.
-- One chain without a join to itself: Spark works out each part of a query as often as it is named.
-- The rules stand in Python too (melpark.parking.overstays and .kpis); tests hold the two together.
{{ config(materialized='ephemeral') }}

with stays as (
    select
        stays.*,
        bays.bay_version_key,
        bays.location_key,
        bays.meter_id,
        bays.has_credit_card,
        bays.has_tap_and_go,
        bays.zone_number,
        stays.ending = 'open' as is_open,
        coalesce(stays.departure_max_at, stays.departure_min_at) as known_until_at
    from {{ ref('int_stays') }} as stays
    inner join {{ ref('dim_bays') }} as bays
        on
            stays.kerbside_id = bays.kerbside_id
            and stays.revealed_at >= bays.valid_from_at
            and (bays.valid_to_at is null or stays.revealed_at < bays.valid_to_at)
),

-- Whose rules are known for the whole of it. A window lies in one local day.
days as (
    select
        stays.*,
        coverage.end_at as covered_until_at,
        struct(stays.*) as stay,
        explode_outer(
            sequence(
                {{ local_date('stays.arrival_min_at') }},
                {{ local_date('if(stays.is_open or coverage.end_at is null, coverage.end_at, stays.known_until_at)') }}
            )
        ) as local_date
    from stays
    left join {{ ref('int_rule_coverage') }} as coverage
        on
            stays.zone_number = coverage.zone_number
            and stays.arrival_min_at >= coverage.start_at
            and stays.known_until_at <= coverage.end_at
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
    left join windows
        on
            days.zone_number = windows.zone_number
            and days.local_date = windows.local_date
            and windows.end_at > days.arrival_min_at
            and (
                days.is_open or windows.start_at <= days.arrival_min_at or windows.start_at < days.known_until_at
            )
),

-- Windows of a zone cover the same time or do not touch. Lenient: over when over under every one of them.
slabs as (
    select
        kerbside_id,
        revealed_at,
        start_at,
        end_at,
        any_value(stay) as stay,
        any_value(covered_until_at) as covered_until_at,
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
    group by kerbside_id, revealed_at, start_at, end_at
),

measured as (
    select
        kerbside_id,
        revealed_at,
        stay,
        covered_until_at is not null as is_covered,
        if(is_at_arrival, code, null) as code,
        if(is_at_arrival, limit_minutes, null) as limit_minutes,
        is_touched,
        is_unknown,
        {{ micros_between('over_from_at', 'least(end_at, stay.departure_min_at)') }} as over_micros,
        {{ micros_between('lenient_from_at', 'least(end_at, stay.known_until_at)') }} as lenient_micros,
        {{ micros_between('strict_from_at', 'least(end_at, stay.known_until_at)') }} as strict_micros,
        {{ micros_between('extended_over_from_at', 'least(end_at, stay.departure_min_at)') }} as extended_micros,
        {{ micros_between('greatest(start_at, stay.arrival_max_at)', 'paid_until_at') }} as paid_micros,
        if(over_from_at < least(end_at, stay.departure_min_at), over_from_at, null) as breach_at,
        if(over_from_at < least(end_at, covered_until_at), over_from_at, null) as permitted_until_at
    from slabs
)

select
    kerbside_id,
    revealed_at,
    any_value(stay) as stay,
    any_value(is_covered) as is_covered,
    max(code) as code,
    max(limit_minutes) as limit_minutes,
    coalesce(bool_or(is_touched), false) as is_touched,
    coalesce(bool_or(is_unknown), false) as is_unknown,
    coalesce(sum(greatest(over_micros, 0L)), 0L) as over_micros,
    coalesce(sum(greatest(lenient_micros, 0L)), 0L) as lenient_micros,
    coalesce(sum(greatest(strict_micros, 0L)), 0L) as strict_micros,
    coalesce(sum(greatest(extended_micros, 0L)), 0L) as extended_micros,
    coalesce(sum(greatest(paid_micros, 0L)), 0L) as paid_micros,
    min(breach_at) as first_breach_at,
    min(permitted_until_at) as permitted_until_at
from measured
group by kerbside_id, revealed_at
