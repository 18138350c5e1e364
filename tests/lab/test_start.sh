#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the test of start, end and command line of one agent on a real TAP:
#
#   this namespace 10.1.0.7 --- br0 --- hm-lan [agent 10.1.0.2]
#
# A namespace of its own, which ends with this script, holds the bridge and the devices; nothing outlives it.
set -euo pipefail

if [ "${HM_LAB_INSIDE:-}" != 1 ]; then
    if [ "$(id -u)" -ne 0 ] || [ ! -c /dev/net/tun ] || ! unshare -nm true 2>/dev/null; then
        echo "skipped: needs root, /dev/net/tun and network namespaces"
        exit 77
    fi
    HM_LAB_INSIDE=1 exec unshare -nm --propagation private "$0" "$@"
fi

bin=${HM_BIN_DIR:?the folder of the programs}
work=$(mktemp -d)
agent=
others=()

finish() {
    for pid in $agent ${others[@]+"${others[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "FAILED: $*"
    cat "$work"/*.log 2>/dev/null || true
    exit 1
}

# until WHAT COMMAND...: waits up to 20 s for the command to succeed.
until_true() {
    local what=$1
    shift
    for _ in $(seq 400); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.05
    done
    fail "in vain: $what"
}

# expect CODE PATTERN COMMAND...: the command ends with that code and its output matches.
expect() {
    local code=$1 pattern=$2 got=0
    shift 2
    "$@" >"$work/out" 2>&1 || got=$?
    [ "$got" -eq "$code" ] || { cat "$work/out"; fail "$* ended with $got and not $code"; }
    grep -qE -- "$pattern" "$work/out" || { cat "$work/out"; fail "$*: no /$pattern/ in its output"; }
}

# configure FILE TAP CREATE BRIDGE_LINE [USER]
configure() {
    cat >"$work/$1.ini" <<EOF
[agent]
name = $1
socket = $work/$1.sock
store = $work/$1.store
user = ${5:-nobody}
[interface lan]
tap = $2
create = $3
$4
address = 10.1.0.2/24
gateway = 10.1.0.1
[control]
kernel_address = 127.0.0.1
[hypervisor h]
key_id = 300
key = 000102030405060708090a0b0c0d0e0f
allow = 10.1.0.0/24
EOF
    chmod 600 "$work/$1.ini"
}

start() {
    "$bin/hypermip" run -c "$work/$1.ini" 2>"$work/$1.log" &
    agent=$!
    until_true "agent $1 is ready" "$bin/hypermip" status -s "$work/$1.sock"
}

# Ends the agent by a signal; it must end with code 0.
stop() {
    local code=0
    kill "-$1" "$agent"
    wait "$agent" || code=$?
    agent=
    [ "$code" -eq 0 ] || fail "the agent ended with $code"
}

is_gone() {
    ! ip link show dev "$1" >/dev/null 2>&1
}

echo "- wrong arguments, faulty files, no agent"
expect 2 'unknown command' "$bin/hypermip" fly
expect 2 'unknown option' "$bin/hypermip" status --fast
expect 2 'unexpected argument' "$bin/hypermip" keygen 5
expect 0 '^[0-9a-f]{64}$' "$bin/hypermip" keygen
expect 0 'staged_lifetime_s' "$bin/hypermip" keys
expect 0 '^usage' "$bin/hypermip" --help
expect 1 'the agent is not running: start it' "$bin/hypermip" status -s "$work/none.sock"
printf '[agent]\nname = a\nnmae = b\n[interface lan]\ntap = t0\n' >"$work/bad.ini"
expect 2 'bad.ini:3: .agent. unknown key: found "nmae"' "$bin/hypermip" run -c "$work/bad.ini"
expect 2 'bad.ini:4: .interface lan. address: missing' "$bin/hypermip" check -c "$work/bad.ini"
expect 2 'cannot be read: No such file' "$bin/hypermip" check -c "$work/none.ini"

ip link set lo up
ip link add br0 type bridge
ip addr add 10.1.0.7/24 dev br0
ip link set br0 up

echo "- a created TAP, privileges, socket, reports"
configure a hm-lan yes 'bridge = br0'
start a
ip link show dev hm-lan master br0 | grep -q 'qlen 10000' || fail "hm-lan is no port of br0 with a long queue"
grep -qE '^Uid:\s+65534\s+65534\s+65534' "/proc/$agent/status" || fail "the agent still runs as root"
grep -qE '^CapEff:\s+0+$' "/proc/$agent/status" || fail "the agent has capabilities"
grep -qE '^NoNewPrivs:\s+1$' "/proc/$agent/status" || fail "the agent could get new privileges"
[ "$(stat -c %a "$work/a.sock")" = 600 ] || fail "the socket is open to others"
until_true "the agent answers a ping" ping -c 1 -W 1 10.1.0.2
for report in status bindings visitors handovers neighbours counters; do
    expect 0 . "$bin/hypermip" "$report" -s "$work/a.sock"
    "$bin/hypermip" "$report" -j -c "$work/a.ini" | jq -e ".report == \"$report\" and (.rows | type == \"array\")" \
        >/dev/null || fail "$report -j is no report"
done

echo "- idle clients of the socket do not stall packets, and get no more than their time"
python3 - "$work/a.sock" <<'EOF' &
import socket, sys, time
clients = []
for _ in range(20):
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    clients.append(client)
time.sleep(60)
EOF
others+=($!)
until_true "all clients of the socket are used" bash -c "! '$bin/hypermip' status -s '$work/a.sock'"
ping -c 3 -i 0.2 -W 2 10.1.0.2 >/dev/null || fail "no answer to a ping beside idle clients"
until_true "the idle clients are gone" "$bin/hypermip" status -s "$work/a.sock"

echo "- what cannot be opened is said, with code 1"
configure b hm-lan yes ''
expect 1 'is this agent running already' "$bin/hypermip" run -c "$work/b.ini"
configure b br0 yes ''
expect 1 'is no single-queue TAP' "$bin/hypermip" run -c "$work/b.ini"
configure b hm-b no ''
expect 1 'there is no such device; make it by "ip tuntap add dev hm-b mode tap"' "$bin/hypermip" run -c "$work/b.ini"
configure b hm-b yes 'bridge = br7'
expect 1 'there is no such bridge' "$bin/hypermip" run -c "$work/b.ini"
configure b hm-b yes ''
expect 1 'kernel_address 127.0.0.1:4340: cannot be opened: address already in use' \
    "$bin/hypermip" run -c "$work/b.ini"
sed -i '/kernel_address/d' "$work/b.ini"
sed "s/b.sock/a.sock/" "$work/b.ini" >"$work/c.ini"
expect 1 'an agent answers there already' "$bin/hypermip" run -c "$work/c.ini"
sed "s/nobody/no-such-user/" "$work/b.ini" >"$work/c.ini"
expect 1 'there is no user "no-such-user"' "$bin/hypermip" run -c "$work/c.ini"
is_gone hm-b || fail "hm-b outlives an agent that did not start"

echo "- the hypervisor's command"
cat >"$work/notify.conf" <<EOF
[agent]
address = 127.0.0.1
[key]
id = 300
key = 000102030405060708090a0b0c0d0e0f
EOF
chmod 600 "$work/notify.conf"
notify=("$bin/notify-migrate" --config "$work/notify.conf")
expect 4 'unknown VM' "${notify[@]}" status vm1
expect 5 'unknown host' "${notify[@]}" imminent 10.1.0.5 --mac 02:00:00:00:00:05 --to nowhere
expect 2 'the host that the VM goes to' "${notify[@]}" imminent vm1
expect 2 'found "fly", allowed: imminent' "${notify[@]}" fly vm1
expect 2 'found "10.1.0", allowed: an IPv4 address' "${notify[@]}" status vm1 --ip 10.1.0
expect 6 'port closed' "${notify[@]}" --agent 127.0.0.1:9 status vm1 --wait 0.3
sed -i 's/0e0f/0e0e/' "$work/notify.conf"
expect 7 'does not accept our key 300' "${notify[@]}" status vm1 --wait 0.5
expect 7 'wrong key' "${notify[@]}" -j status vm1 --wait 0.5
jq -e '.command == "status" and .vm == "vm1" and .code == 7' "$work/out" >/dev/null || fail "no JSON of a wrong key"

echo "- a clean end; the created device vanishes, and a socket that stays is replaced"
stop TERM
is_gone hm-lan || fail "hm-lan outlives its agent"
start a
stop INT

echo "- a device that was there stays; its service manager is told"
ip tuntap add dev hm-own mode tap
configure d hm-own no 'bridge = br0' root
python3 - "$work/notify.sock" >"$work/told" <<'EOF' &
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print(manager.recv(100).decode(), flush=True)
EOF
others+=($!)
until_true "the service manager listens" test -S "$work/notify.sock"
export NOTIFY_SOCKET=$work/notify.sock
start d
unset NOTIFY_SOCKET
until_true "the service manager is told" grep -qx READY=1 "$work/told"
until_true "the agent answers a ping" ping -c 1 -W 1 10.1.0.2
stop TERM
ip link show dev hm-own master br0 >/dev/null || fail "hm-own is gone, or out of its bridge"

echo "- a device that is taken away ends the agent"
start d
code=0
ip link del hm-own
wait "$agent" || code=$?
agent=
[ "$code" -eq 1 ] || fail "the agent without its device ended with $code"
grep -q 'TAP hm-own: lost' "$work/d.log" || fail "the loss is not in the log"
echo "all as it should be"
