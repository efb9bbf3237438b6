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
    having max(feed_updated_at) is not null
),

-- One row: the silences of the feed, and the midnights at which bays are cut, which is not needed within a silence.
-- Of days on which the feed was not heard at all nothing is said.
feed as (
    select
        *,
        transform(
            filter(
                sequence({{ local_date('from_at') }}, {{ local_date('until_at') }}),
                day -> not exists(silences, silence -> day > silence.first_day and day < silence.next_day)
            ),
            day -> {{ midnight('day') }}
        ) as midnights
    from (
        select
            bounds.from_at,
            bounds.until_at,
            collect_list(
                if(
                    outages.start_at is null,
                    null,
                    named_struct(
                        'start_at', outages.start_at,
                        'end_at', coalesce(outages.end_at, bounds.until_at),
                        'first_day', date_add({{ local_date('outages.start_at') }}, 1),
                        'next_day', {{ local_date('coalesce(outages.end_at, bounds.until_at)') }}
                    )
                )
            ) as silences
        from bounds
        left join {{ ref('stg_feed_outages') }} as outages
            on outages.end_at is null or outages.end_at > bounds.from_at
        group by bounds.from_at, bounds.until_at
    )
),

-- What is true of a bay, and from when until when.
spans as (
    select
        kerbside_id,
        valid_from_at as start_at,
        valid_to_at as end_at,
        1 as present,
        cast(is_online as int) as online,
        0 as known,
        0 as occupied,
        0 as blocked,
        0 as uncertain
    from {{ ref('stg_sensor_states') }}
    where
        not is_retired
        {%- if is_incremental() %}
        and (valid_to_at is null or valid_to_at > {{ midnight(occupancy_from_on()) }})
        {%- endif %}
    union all
    select kerbside_id, start_at, end_at, 0, 0, known, occupied, blocked, uncertain
    from (
        select
            kerbside_id,
            inline(
                array(
                    -- A sensor that is heard says nothing before its first event, and its bay counts nowhere: a fresh
                    -- home's history is filled in from its end. One span a bay: from that event on, or from the one
                    -- that holds at the first midnight.
                    {{ span(
                        'if(previous_changed_at is null or status_changed_at < ' ~ midnight(occupancy_from_on())
                        ~ ', status_changed_at, null)',
                        'cast(null as timestamp)',
                        known=1
                    ) }},
                    {{ span('occupied_from_at', 'occupied_to_at', occupied=1) }},
                    -- A vehicle that stays too long is taken for a stuck sensor.
                    {{ span('occupied_from_at + ' ~ suspect_after, 'occupied_to_at', blocked=1) }},
                    {{ span('uncertain_from_at', 'next_changed_at', uncertain=1) }}
                )
            )
        from {{ ref('int_bay_spells') }}
        where ended_on >= {{ occupancy_from_on() }}
    )
),

edges as (
    select
        spans.kerbside_id,
        edge.at as at,
        edge.step * spans.present as present,
        edge.step * spans.online as online,
        edge.step * spans.known as known,
        edge.step * spans.occupied as occupied,
        edge.step * spans.blocked as blocked,
        edge.step * spans.uncertain as uncertain,
        0 as silent,
        cast(null as string) as location_key
    from (
        select
            spans.*,
            explode(
                array(
                    named_struct('at', greatest(spans.start_at, feed.from_at), 'step', 1),
                    named_struct('at', least(spans.end_at, feed.until_at), 'step', -1)
                )
            ) as edge
        from spans
        cross join feed
        where
            spans.start_at is not null
            and greatest(spans.start_at, feed.from_at) < least(spans.end_at, feed.until_at)
    ) as spans
),

-- Where a bay is, cut at every midnight but those within a silence, and when the feed was silent for it.
places as (
    select
        kerbside_id,
        inline(
            concat(
                array({{ moment('from_at', place='location_key') }}),
                transform(
                    filter(midnights, night -> night > from_at and night < to_at),
                    night -> {{ moment('night', place='location_key') }}
                ),
                flatten(
                    transform(
                        silences,
                        silence -> array(
                            {{ moment('greatest(silence.start_at, first_at)', blocked=1) }},
                            {{ moment('silence.end_at', blocked=-1) }}
                        )
                    )
                ),
                flatten(
                    transform(
                        filter(silences, silence -> silence.first_day < silence.next_day),
                        silence -> array(
                            {{ moment('greatest(' ~ midnight('silence.first_day') ~ ', first_at)', silent=1) }},
                            {{ moment(midnight('silence.next_day'), silent=-1) }}
                        )
                    )
                )
            )
        )
    from (
        select
            bays.kerbside_id,
            bays.location_key,
            greatest(bays.valid_from_at, feed.from_at) as from_at,
            coalesce(least(bays.valid_to_at, feed.until_at), feed.until_at) as to_at,
            feed.from_at as first_at,
            feed.silences,
            feed.midnights
        from {{ ref('dim_bays') }} as bays
        cross join feed
    )
    where from_at < to_at
),

points as (
    select
        kerbside_id,
        at,
        cast(sum(present) as int) as present,
        cast(sum(online) as int) as online,
        cast(sum(known) as int) as known,
        cast(sum(occupied) as int) as occupied,
        cast(sum(blocked) as int) as blocked,
        cast(sum(uncertain) as int) as uncertain,
        cast(sum(silent) as int) as silent,
        max(location_key) as location_key
    from (
        select kerbside_id, at, present, online, known, occupied, blocked, uncertain, silent, location_key from edges
        union all
        select kerbside_id, at, 0, 0, 0, 0, blocked, 0, silent, location_key from places
    )
    group by kerbside_id, at
),

swept as (
    select
        kerbside_id,
        at as start_at,
        lead(at) over bay as end_at,
        sum(present) over bay > 0 and sum(known) over bay > 0 as is_present,
        sum(online) over bay > 0 and sum(known) over bay > 0 and sum(blocked) over bay = 0 as is_online,
        sum(occupied) over bay > 0 as is_present_vehicle,
        sum(uncertain) over bay > 0 as is_uncertain,
        sum(silent) over bay > 0 as is_silent,
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
where is_present and not is_silent and end_at is not null
{{ by_day('local_date') }}
