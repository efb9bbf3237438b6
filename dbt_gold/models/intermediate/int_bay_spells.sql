-- The rules stand in Python too (melpark.parking.stays and .occupied); tests hold the two together.
-- Laid out by the day of the end, so that a refresh finds each bay's last event without reading the years.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_where',
        incremental_predicates=['ended_on >= ' ~ stays_from_on()],
        partition_by='ended_on',
    )
}}
{% set feed_lag = seconds(var('feed_lag_seconds')) %}
{% set exact_gap = seconds(var('exact_gap_seconds')) %}

with events as (
    select
        kerbside_id,
        status,
        status_changed_at,
        heard_at,
        previous_heard_at,
        origin,
        cast(null as string) as held_previous_status,
        cast(null as timestamp) as held_previous_changed_at
    from {{ ref('stg_sensor_events') }}
    {%- if is_incremental() %}
    where status_changed_at >= {{ news_from_at() }}
    union all
    -- What went before the news, with what went before it.
    select
        kerbside_id,
        status,
        status_changed_at,
        heard_at,
        previous_heard_at,
        origin,
        previous_status,
        previous_changed_at
    from {{ this }}
    where ended_on >= {{ stays_from_on() }} and status_changed_at < {{ news_from_at() }}
    {%- endif %}
),

followed as (
    select
        *,
        coalesce(lag(status) over bay, held_previous_status) as previous_status,
        coalesce(lag(status_changed_at) over bay, held_previous_changed_at) as previous_changed_at,
        previous_heard_at - {{ feed_lag }} as known_until_at
    from events
    window bay as (partition by kerbside_id order by status_changed_at)
),

-- What hides between an event and the one before it.
gaps as (
    select
        *,
        coalesce(status_changed_at < known_until_at, false) as is_late,
        case
            when status_changed_at >= known_until_at then greatest(previous_changed_at, known_until_at)
            else previous_changed_at
        end as hides_from_at,
        coalesce(
            status_changed_at >= known_until_at and heard_at - previous_heard_at <= {{ exact_gap }},
            false
        ) as is_close
    from followed
),

spells as (
    select
        *,
        lead(status) over bay as next_status,
        lead(status_changed_at) over bay as next_changed_at,
        lead(hides_from_at) over bay as next_hides_from_at,
        lead(is_close) over bay as is_next_close,
        lead(is_late) over bay as is_next_late,
        lead(origin) over bay as next_origin
    from gaps
    window bay as (partition by kerbside_id order by status_changed_at)
)

select
    kerbside_id,
    status,
    status_changed_at,
    heard_at,
    previous_heard_at,
    previous_status,
    previous_changed_at,
    hides_from_at,
    is_late,
    is_close,
    next_status,
    next_changed_at,
    next_hides_from_at,
    is_next_close,
    is_next_late,
    -- Occupied up to a change to Unoccupied; a hidden change turns in the middle of the time in which it may hide.
    case
        when status = 'Present' then status_changed_at
        when next_status = 'Unoccupied' then {{ middle('next_hides_from_at', 'next_changed_at') }}
    end as occupied_from_at,
    case
        when status = 'Present' and next_status = 'Present' then {{ middle('next_hides_from_at', 'next_changed_at') }}
        when status = 'Present' or next_status = 'Unoccupied' then next_changed_at
    end as occupied_to_at,
    case when not is_next_close then next_hides_from_at end as uncertain_from_at,
    origin,
    next_origin,
    coalesce({{ local_date('next_changed_at') }}, {{ not_ended() }}) as ended_on
from spells
{{ by_day('ended_on') }}
