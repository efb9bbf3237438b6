-- Silver goes on while gold is built: none of the events that were there may be missing, and none may be made up.
{% set version = var('sensor_events_version', none) %}
with spells as (
    select kerbside_id, status_changed_at
    from {{ ref('int_bay_spells') }}
    where ended_on >= {{ stays_from_on() }} and status_changed_at >= {{ news_from_at() }}
),

events as (
    select kerbside_id, status_changed_at
    from {{ source('silver', 'sensor_events') }} {% if version is not none %}version as of {{ version }}{% endif %}
    where status_changed_at >= {{ news_from_at() }}
)

(select 'missing' as what, * from events except all select 'missing', * from spells)
union all
(
    select 'made up', *
    from spells
    except all
    select 'made up', kerbside_id, status_changed_at
    from {{ ref('stg_sensor_events') }}
)
