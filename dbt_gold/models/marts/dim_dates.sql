-- From the first day of the City's historical files as far as the public holidays are known.
{{ config(tags=['still']) }}
with days as (
    select explode(sequence(date'2011-01-01', date'2035-12-31')) as local_date
)

select
    days.local_date,
    year(days.local_date) as year,
    quarter(days.local_date) as quarter,
    month(days.local_date) as month,
    weekday(days.local_date) + 1 as weekday_number,
    date_format(days.local_date, 'EEEE') as weekday,
    weekday(days.local_date) >= 5 as is_weekend,
    case
        when month(days.local_date) in (12, 1, 2) then 'summer'
        when month(days.local_date) in (3, 4, 5) then 'autumn'
        when month(days.local_date) in (6, 7, 8) then 'winter'
        else 'spring'
    end as season,
    holidays.name as public_holiday,
    holidays.name is not null as is_public_holiday,
    cast(
        (
            unix_seconds({{ midnight('date_add(days.local_date, 1)') }}) - unix_seconds({{ midnight('days.local_date') }})
        ) / 3600 as int
    ) as hours
from days
left join {{ public_holidays() }} as holidays on days.local_date = holidays.local_date
union all
-- Of stays that have not ended.
select {{ not_ended() }}, null, null, null, null, 'none', null, 'none', null, false, 0
