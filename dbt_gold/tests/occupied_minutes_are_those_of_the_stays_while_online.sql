-- Counted anew, stay by stay, for each bay, the location where it then was, and each local day: a stay's time, cut at
-- suspect_after and at midnight, while its bay was online and the feed was not silent.
with bounds as (
    select min(start_at) as from_at, max(end_at) as until_at
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }}
),

stays as (
    select
        spells.kerbside_id,
        greatest(spells.occupied_from_at, bounds.from_at) as start_at,
        least(
            spells.occupied_to_at,
            spells.occupied_from_at + {{ seconds(var('suspect_after_seconds')) }},
            bounds.until_at
        ) as end_at
    from {{ ref('int_bay_spells') }} as spells
    cross join bounds
    where spells.ended_on >= {{ occupancy_from_on() }} and spells.occupied_from_at is not null
),

heard as (
    select
        stays.kerbside_id,
        greatest(stays.start_at, states.valid_from_at) as start_at,
        least(stays.end_at, states.valid_to_at) as end_at
    from stays
    inner join {{ ref('stg_sensor_states') }} as states
        on
            stays.kerbside_id = states.kerbside_id
            and states.valid_from_at < stays.end_at
            and (states.valid_to_at is null or states.valid_to_at > stays.start_at)
    where states.is_online and not states.is_retired and stays.start_at < stays.end_at
),

placed as (
    select
        heard.kerbside_id,
        bays.location_key,
        greatest(heard.start_at, bays.valid_from_at) as start_at,
        least(heard.end_at, bays.valid_to_at) as end_at
    from heard
    inner join {{ ref('dim_bays') }} as bays
        on
            heard.kerbside_id = bays.kerbside_id
            and bays.valid_from_at < heard.end_at
            and (bays.valid_to_at is null or bays.valid_to_at > heard.start_at)
),

-- No stay is longer than suspect_after here, so few are cut, and each silence is met on its own days only.
days as (
    select
        kerbside_id,
        location_key,
        start_at,
        end_at,
        explode(sequence({{ local_date('start_at') }}, {{ local_date('end_at') }})) as local_date
    from placed
),

silences as (
    select
        local_date,
        collect_list(named_struct('start_at', start_at, 'end_at', end_at)) as silences
    from (
        select
            greatest(outages.start_at, bounds.from_at) as start_at,
            least(outages.end_at, bounds.until_at) as end_at,
            explode(
                sequence(
                    {{ local_date('greatest(outages.start_at, bounds.from_at)') }},
                    {{ local_date('least(outages.end_at, bounds.until_at)') }}
                )
            ) as local_date
        from {{ ref('stg_feed_outages') }} as outages
        cross join bounds
        where
            outages.start_at < bounds.until_at
            and (outages.end_at is null or outages.end_at > bounds.from_at)
    )
    group by local_date
),

pieces as (
    select
        days.kerbside_id,
        days.location_key,
        days.local_date,
        greatest(days.start_at, {{ midnight('days.local_date') }}) as start_at,
        least(days.end_at, {{ midnight('date_add(days.local_date, 1)') }}) as end_at,
        silences.silences
    from days
    left join silences on days.local_date = silences.local_date
),

counted as (
    select
        kerbside_id,
        location_key,
        local_date,
        sum(
            {{ micros_between('start_at', 'end_at') }}
            - coalesce(
                aggregate(
                    silences,
                    0L,
                    (lost, silence) -> lost + greatest(
                        0L,
                        {{ micros_between('greatest(start_at, silence.start_at)', 'least(end_at, silence.end_at)') }}
                    )
                ),
                0L
            )
        ) as micros
    from pieces
    where start_at < end_at
    group by kerbside_id, location_key, local_date
),

times as (
    select
        kerbside_id,
        location_key,
        local_date,
        sum({{ micros_between('start_at', 'end_at') }}) as micros
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }} and is_occupied
    group by kerbside_id, location_key, local_date
)

select
    coalesce(times.kerbside_id, counted.kerbside_id) as kerbside_id,
    coalesce(times.location_key, counted.location_key) as location_key,
    coalesce(times.local_date, counted.local_date) as local_date,
    times.micros / 60000000.0D as minutes,
    counted.micros / 60000000.0D as minutes_of_stays
from times
full outer join counted
    on
        times.kerbside_id = counted.kerbside_id
        and times.location_key = counted.location_key
        and times.local_date = counted.local_date
where coalesce(times.micros, 0L) <> coalesce(counted.micros, 0L)
