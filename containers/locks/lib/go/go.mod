module lockstorm

go 1.19
