module adapter

go 1.19

require lockstorm v0.0.0

replace lockstorm => ./lockstorm
