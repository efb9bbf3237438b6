-- The rules stand in Python too (melpark.parking.stays and .overstays); tests hold the two together.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_where',
        incremental_predicates=['ended_on >= ' ~ stays_from_on()],
        partition_by='ended_on',
    )
}}
{% set suspect_after = seconds(var('suspect_after_seconds')) %}
{% set grace_micros = (var('grace_seconds') * 1000000) | int %}

with stays as (
    select
        stay.*,
        is_covered and not (is_unknown and over_micros < {{ grace_micros }}) as has_rule,
        code,
        limit_minutes,
        is_touched,
        over_micros,
        if(stay.departure_max_at is null or is_unknown, null, strict_micros) as most_over_micros,
        lenient_micros,
        extended_micros,
        paid_micros,
        first_breach_at,
        permitted_until_at,
        stay.departure_min_at - stay.arrival_max_at > {{ suspect_after }} as is_suspect
    from {{ ref('int_stay_rules') }}
)

select
    concat(kerbside_id, '@', date_format(revealed_at, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")) as session_key,
    kerbside_id,
    bay_version_key,
    location_key,
    if(arrival_min_at = arrival_max_at, arrival_min_at, null) as arrival_at,
    arrival_min_at,
    arrival_max_at,
    if(departure_min_at = departure_max_at, departure_min_at, null) as departure_at,
    departure_min_at,
    departure_max_at,
    beginning,
    ending,
    is_late_report,
    if(
        arrival_min_at = arrival_max_at and departure_min_at = departure_max_at,
        {{ minutes_between('arrival_min_at', 'departure_max_at') }},
        null
    ) as duration_minutes,
    greatest({{ minutes_between('arrival_max_at', 'departure_min_at') }}, 0.0D) as duration_min_minutes,
    {{ minutes_between('arrival_min_at', 'departure_max_at') }} as duration_max_minutes,
    is_suspect,
    case
        when not has_rule then 'no_rule'
        else coalesce(code, 'unrestricted')
    end as rule_at_arrival,
    if(has_rule, limit_minutes, null) as limit_minutes,
    if(has_rule and ending = 'open', permitted_until_at, null) as permitted_until_at,
    if(has_rule, over_micros / 60000000.0D, null) as overstay_min_minutes,
    if(has_rule, most_over_micros / 60000000.0D, null) as overstay_max_minutes,
    if(has_rule, first_breach_at, null) as first_breach_at,
    has_rule and over_micros >= {{ grace_micros }} as is_overstay,
    case
        when is_suspect then 'suspect'
        when not has_rule then 'no_rule'
        when over_micros >= {{ grace_micros }} then 'overstay'
        -- Nobody knows how long an open or lost stay will have lasted: it may come to stand in any later window.
        when departure_max_at is not null and not is_touched then 'unrestricted'
        when most_over_micros < {{ grace_micros }} then 'within'
        when ending in ('open', 'lost') then ending
        when most_over_micros <> lenient_micros then 'ambiguous_rule'
        else 'uncertain_time'
    end as verdict,
    has_rule and over_micros > 0 and extended_micros = 0 as within_disability_extension,
    meter_id,
    has_credit_card,
    has_tap_and_go,
    if(is_suspect or not has_rule, null, paid_micros / 3600000000.0D * {{ var('tariff_per_hour') }}) as estimated_revenue,
    origin,
    ended_on
from stays
{{ by_day('ended_on', ['kerbside_id', 'arrival_min_at']) }}
