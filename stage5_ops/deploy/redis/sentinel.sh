#!/bin/sh
# Starts one Sentinel. What it learns it writes into its own file, which is made at its first start.
#   NAME PORT    what this Sentinel is called, and its port
#   FIRST        host:port of the first master
#   SERVICE      the name under which it is watched
#   PASSWORD     of Redis and of the Sentinels
#   QUORUM       how many Sentinels must agree that the master is gone
#   DATA         its directory
set -eu

config=$DATA/sentinel.conf
if ! [ -e "$config" ]; then
    umask 077
    cat >"$config" <<END
port $PORT
dir $DATA
requirepass "$PASSWORD"
sentinel sentinel-pass "$PASSWORD"
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip "$NAME"
sentinel announce-port $PORT
sentinel monitor $SERVICE ${FIRST%:*} ${FIRST#*:} ${QUORUM:-2}
sentinel auth-pass $SERVICE "$PASSWORD"
sentinel down-after-milliseconds $SERVICE ${DOWN_AFTER:-5000}
sentinel failover-timeout $SERVICE ${FAILOVER_TIMEOUT:-15000}
sentinel parallel-syncs $SERVICE 1
END
fi
exec redis-server "$config" --sentinel
