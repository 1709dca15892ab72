-- Delays by airline, with its full name. A flight that arrives later than :late_minutes is late.
with by_carrier as (
  select
    carrier,
    count(*) as flights,
    count_if(cancelled) as cancelled,
    avg(dep_delay) as mean_dep_delay,
    avg(arr_delay) as mean_arr_delay,
    percentile(arr_delay, 0.9) as p90_arr_delay,
    avg(cast(arr_delay > :late_minutes as int)) as share_late
  from flights_joined
  group by carrier
)
select by_carrier.*, source_airlines.name as airline
from by_carrier
  left join source_airlines on source_airlines.carrier = by_carrier.carrier
