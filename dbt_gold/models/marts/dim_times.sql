{{ config(tags=['still']) }}
select
    format_string('%02d:%02d', cast(quarter div 4 as int), cast(quarter % 4 * 15 as int)) as time_key,
    cast(quarter div 4 as int) as hour,
    cast(quarter * 15 as int) as start_minute,
    case
        when quarter < 24 then 'night'
        when quarter < 48 then 'morning'
        when quarter < 72 then 'afternoon'
        else 'evening'
    end as part_of_day
from (select explode(sequence(0, 95)) as quarter)
