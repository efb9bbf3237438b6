-- A sweep over each bay's time. The rules stand in Python too (melpark.parking.occupied); tests hold the two together.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_where',
        incremental_predicates=['local_date >= ' ~ occupancy_from_on()],
        partition_by='local_date',
    )
}}
{% set suspect_after = seconds(var('suspect_after_seconds')) %}

-- Before the first poll nothing is known, however old its words are.
with bounds as (
    select
        greatest(min(feed_updated_at), {{ midnight(occupancy_from_on()) }}) as from_at,
        max(feed_updated_at) as until_at
    from {{ ref('stg_polls') }}
    where dataset = 'on-street-parking-bay-sensors' and outcome = 'accepted'
),

states as (
    select
        kerbside_id,
        valid_from_at,
        valid_to_at,
        is_online
    from {{ ref('stg_sensor_states') }}
    where
        not is_retired
        {%- if is_incremental() %}
        and (valid_to_at is null or valid_to_at > {{ midnight(occupancy_from_on()) }})
        {%- endif %}
),

spells as (
    select
        kerbside_id,
        occupied_from_at,
        occupied_to_at,
        uncertain_from_at,
        next_changed_at
    from {{ ref('int_bay_spells') }}
    where ended_on >= {{ occupancy_from_on() }}
),

spans as (
    select kerbside_id, valid_from_at as start_at, valid_to_at as end_at, 'present' as what
    from states
    union all
    select kerbside_id, valid_from_at, valid_to_at, 'online'
    from states
    where is_online
    union all
    select bays.kerbside_id, outages.start_at, outages.end_at, 'blocked'
    from {{ ref('stg_feed_outages') }} as outages
    cross join (select distinct kerbside_id from states) as bays
    where coalesce(outages.end_at > {{ midnight(occupancy_from_on()) }}, true)
    union all
    select kerbside_id, occupied_from_at, occupied_to_at, 'occupied'
    from spells
    where occupied_from_at is not null
    union all
    -- A vehicle that stays too long is taken for a stuck sensor.
    select kerbside_id, occupied_from_at + {{ suspect_after }}, occupied_to_at, 'blocked'
    from spells
    where occupied_from_at is not null
    union all
    select kerbside_id, uncertain_from_at, next_changed_at, 'uncertain'
    from spells
    where uncertain_from_at is not null
),

steps as (
    select
        spans.kerbside_id,
        spans.what,
        explode(
            array(
                named_struct('at', greatest(spans.start_at, bounds.from_at), 'step', 1),
                named_struct('at', least(spans.end_at, bounds.until_at), 'step', -1)
            )
        ) as edge
    from spans
    cross join bounds
    where greatest(spans.start_at, bounds.from_at) < least(spans.end_at, bounds.until_at)
),

-- Days on which the feed was not heard at all: nothing is said of them.
silences as (
    select
        date_add({{ local_date('outages.start_at') }}, 1) as first_day,
        date_sub({{ local_date('coalesce(outages.end_at, bounds.until_at)') }}, 1) as last_day
    from {{ ref('stg_feed_outages') }} as outages
    cross join bounds
),

-- Where bays are cut. Within a silence there is no need.
midnights as (
    select {{ midnight('days.day') }} as at
    from (
        select explode(sequence({{ local_date('from_at') }}, {{ local_date('until_at') }})) as day
        from bounds
    ) as days
    left anti join silences on days.day > silences.first_day and days.day <= silences.last_day
),

places as (
    select
        bays.kerbside_id,
        bays.location_key,
        greatest(bays.valid_from_at, bounds.from_at) as from_at,
        coalesce(least(bays.valid_to_at, bounds.until_at), bounds.until_at) as to_at
    from {{ ref('dim_bays') }} as bays
    cross join bounds
),

points as (
    select
        kerbside_id,
        at,
        cast(sum(if(what = 'present', step, 0)) as int) as present,
        cast(sum(if(what = 'online', step, 0)) as int) as online,
        cast(sum(if(what = 'blocked', step, 0)) as int) as blocked,
        cast(sum(if(what = 'occupied', step, 0)) as int) as occupied,
        cast(sum(if(what = 'uncertain', step, 0)) as int) as uncertain,
        max(location_key) as location_key
    from (
        select kerbside_id, edge.at as at, what, edge.step as step, cast(null as string) as location_key from steps
        union all
        select kerbside_id, from_at, 'place', 0, location_key from places where from_at < to_at
        union all
        select places.kerbside_id, midnights.at, 'place', 0, places.location_key
        from places
        cross join midnights
        where midnights.at >= places.from_at and midnights.at < places.to_at
    )
    group by kerbside_id, at
),

swept as (
    select
        kerbside_id,
        at as start_at,
        lead(at) over bay as end_at,
        sum(present) over bay > 0 as is_present,
        sum(online) over bay > 0 and sum(blocked) over bay = 0 as is_online,
        sum(occupied) over bay > 0 as is_present_vehicle,
        sum(uncertain) over bay > 0 as is_uncertain,
        last_value(location_key, true) over bay as location_key
    from points
    window bay as (partition by kerbside_id order by at)
)

select
    kerbside_id,
    location_key,
    start_at,
    end_at,
    is_online,
    is_online and is_present_vehicle as is_occupied,
    is_online and is_uncertain as is_uncertain,
    {{ local_date('start_at') }} as local_date
from swept
left anti join silences
    on
        {{ local_date('swept.start_at') }} >= silences.first_day
        and {{ local_date('swept.start_at') }} <= silences.last_day
where is_present and end_at is not null
