{{ config(tags=['references']) }}
select
    concat_ws('-', plates.zone_number, plates.days, plates.start_minute, plates.finish_minute, plates.code)
        as sign_plate_key,
    plates.zone_number,
    plates.days,
    plates.start_minute,
    plates.finish_minute,
    plates.code,
    coalesce(codes.kind, 'unknown') as kind,
    codes.limit_minutes,
    coalesce(codes.is_metered, false) as is_metered,
    plates.is_retired
from {{ ref('stg_sign_plates') }} as plates
left join {{ sign_codes() }} as codes on plates.code = codes.code
where plates.is_current
