#!/bin/sh
# Starts one Redis of a master with replicas. It asks the Sentinels first who is the master now: one that was the
# master, died and came back as one would take writes that nobody keeps.
#   NAME PORT    what this server is called, and its port
#   FIRST        host:port of the one that is the master where the Sentinels know of none
#   SENTINELS    "host:port host:port host:port"
#   SERVICE      the name under which the Sentinels watch it
#   PASSWORD     of Redis and of the Sentinels
#   DATA         its directory
set -eu

own="$NAME $PORT" master=
for sentinel in $SENTINELS; do
    told=$(REDISCLI_AUTH=$PASSWORD timeout 5 redis-cli --no-auth-warning -h "${sentinel%:*}" -p "${sentinel#*:}" \
        SENTINEL GET-MASTER-ADDR-BY-NAME "$SERVICE" 2>/dev/null | tr '\n' ' ') || continue
    told=${told% }
    case $told in
    *[a-z0-9]*\ [0-9]*)
        master=$told
        # One that names us may not have heard yet that another took over.
        [ "$told" = "$own" ] || break
        ;;
    esac
done
[ -n "$master" ] || master="${FIRST%:*} ${FIRST#*:}"

set -- --port "$PORT" --dir "$DATA" --requirepass "$PASSWORD" --masterauth "$PASSWORD" \
    --replica-announce-ip "$NAME" --replica-announce-port "$PORT" \
    --maxmemory-policy noeviction --appendonly yes --appendfsync always \
    --min-replicas-to-write 1 --min-replicas-max-lag 10 "$@"
if [ "$master" != "$own" ]; then
    set -- "$@" --replicaof "${master% *}" "${master#* }"
fi
exec redis-server "$@"
