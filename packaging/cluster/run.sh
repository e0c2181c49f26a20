#!/usr/bin/env bash
# Runs three nodes on one Redis behind nginx, on free ports of this machine, to try out how they work together. With
# CLUSTER=yes, they share a Redis Cluster of three masters and three replicas. Everything ends with this script, and it
# keeps nothing.
set -euo pipefail

program="${WATCH_PARTY_PROGRAM:-target/release/watch-party}"
nginx="${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}"
here="$(cd "$(dirname "$0")" && pwd)"

fail() { echo "cluster: $1" >&2; exit 1; }
command -v redis-server >/dev/null || fail "redis-server is missing; \`make cluster\` installs it"
[ -x "$nginx" ] || fail "nginx is missing; \`make cluster\` installs it"
[ -x "$program" ] || fail "$program is missing; \`make cluster\` builds it"

folder="$(mktemp -d)"
processes=()
stop() {
    trap - EXIT INT TERM
    # In the order in which they were started: nodes lose their Redis only when they have stopped.
    for ((at = ${#processes[@]} - 1; at >= 0; at--)); do
        kill "${processes[at]}" 2>/dev/null || true
        wait "${processes[at]}" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 0' INT TERM

# Prints a port that is free, and whose bus port (10,000 higher) is free as well.
free_port() {
    local port
    while :; do
        port=$((10000 + RANDOM % 22000))
        for tried in "$port" $((port + 10000)); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$tried") 2>/dev/null; then continue 2; fi
        done
        echo "$port"
        return
    done
}

# Waits until a command succeeds, for half a minute.
await() {
    local what="$1"; shift
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "$what does not answer; its log is:
$(tail -n 20 "$folder"/*.log 2>/dev/null)"
}

start_redis() {
    local port="$1"; shift
    mkdir "$folder/redis-$port"
    redis-server --port "$port" --bind 127.0.0.1 --dir "$folder/redis-$port" --appendonly yes "$@" \
        >"$folder/redis-$port.log" 2>&1 &
    processes+=("$!")
    await "Redis" redis-cli -p "$port" ping
}

if [ "${CLUSTER:-no}" = yes ]; then
    hosts=()
    for _ in 1 2 3 4 5 6; do
        port="$(free_port)"
        start_redis "$port" --cluster-enabled yes --cluster-node-timeout 2000
        hosts+=("127.0.0.1:$port")
    done
    redis-cli --cluster create "${hosts[@]}" --cluster-replicas 1 --cluster-yes >"$folder/create.log" ||
        fail "the Cluster cannot be created: $(tail -n 5 "$folder/create.log")"
    is_ready() { redis-cli -p "${hosts[0]#*:}" cluster info | grep -q cluster_state:ok; }
    await "the Cluster" is_ready
    store="redis+cluster://$(IFS=,; echo "${hosts[*]}")"
else
    port="$(free_port)"
    start_redis "$port"
    store="redis://127.0.0.1:$port"
fi

config="$(sed 's/^worker_processes auto;/daemon off; worker_processes 1;/' "$here/nginx.conf")"
nodes=()
for number in 1 2 3; do
    port="$(free_port)"
    "$program" --store "$store" --listen "127.0.0.1:$port" --trusted-proxies 127.0.0.1 \
        >"$folder/node-$number.log" 2>&1 &
    processes+=("$!")
    await "node $number" curl -fs "http://127.0.0.1:$port/readyz"
    config="${config//node$number:3000/127.0.0.1:$port}"
    nodes+=("http://127.0.0.1:$port")
done

# nginx runs as this user, in a folder of its own.
port="${PORT:-$(free_port)}"
mkdir "$folder/nginx"
config="pid $folder/nginx/pid;
${config/listen 8080/listen 127.0.0.1:$port}"
for kind in client_body proxy fastcgi uwsgi scgi; do
    config="${config/access_log off;/access_log off; ${kind}_temp_path $folder/nginx/$kind;}"
done
echo "$config" >"$folder/nginx/nginx.conf"
"$nginx" -p "$folder/nginx" -c "$folder/nginx/nginx.conf" >"$folder/nginx.log" 2>&1 &
processes+=("$!")
await "nginx" curl -fs "http://127.0.0.1:$port/healthz"

echo "==> Watch Party on three nodes: open http://127.0.0.1:$port"
echo "    nodes: ${nodes[*]}"
echo "    store: $store"
echo "    Ctrl-C ends them all."
# A signal ends this wait.
wait
