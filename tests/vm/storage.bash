# SPDX-License-Identifier: ISC
# Two servers on one storage, each in a network namespace of its own, as two machines: 10.0.1.2 and 10.0.2.2, port 2121.

NODES='a b'
address_of() # NODE LAST-NUMBER
{
	echo "10.0.$([ "$1" = a ] && echo 1 || echo 2).$2"
}

# in_node NODE COMMAND...: with its network and its host name (NFS servers tell clients apart by it)
in_node()
{
	local node=$1
	shift
	nsenter --net="/run/netns/$node" unshare --uts sh -c 'hostname "node-$0" && exec "$@"' "$node" "$@"
}

make_nodes()
{
	local node
	for node in $NODES; do
		ip netns add "$node"
		ip link add "v$node" type veth peer name eth0 netns "$node"
		ip addr add "$(address_of "$node" 1)/24" dev "v$node"
		ip link set "v$node" up
		ip -n "$node" addr add "$(address_of "$node" 2)/24" dev eth0
		ip -n "$node" link set eth0 up
		ip -n "$node" link set lo up
	done
}

# detached COMMAND...: one that leaves a daemon behind, which must hold nothing that bats waits for
detached()
{
	(
		for fd in /proc/self/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		"$@"
	) </dev/null >/dev/null 2>&1
}

# The kernel's NFS server: /export/free and /export/squash, a lease of 20 s
serve_nfs()
{
	modprobe -a nfsd nfs nfsv4
	mkdir -p /export/free/homes /export/squash /var/lib/nfs/v4recovery /var/lib/nfs/sm
	chmod 711 /export /export/free /export/free/homes /export/squash
	printf '%s\n' '/export/free 10.0.0.0/16(rw,sync,no_root_squash,no_subtree_check,fsid=1)' \
		'/export/squash 10.0.0.0/16(rw,sync,root_squash,no_subtree_check,fsid=2)' >/etc/exports
	mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
	detached rpcbind -w
	exportfs -ra
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo 20 >/proc/fs/nfsd/nfsv4leasetime
	detached rpc.nfsd -N 3 -V 4.2 8
	detached rpc.mountd
}

# mount_nfs EXPORT NAME OPTIONS: at both nodes, as /mnt/NODE/NAME. No cache is shared: they are two machines.
mount_nfs()
{
	local node
	for node in $NODES; do
		mkdir -p "/mnt/$node/$2"
		detached in_node "$node" timeout 100 mount -t nfs4 -o "vers=4.2,sec=sys,hard,nosharecache,$3" \
			"$(address_of "$node" 1):$1" "/mnt/$node/$2"
	done
}

# The home of an account at both nodes; NAME UID MOUNT DIRECTORY-ON-THE-SERVER OPTIONS
add_everywhere()
{
	local node
	install -d -m 0750 -o "$2" -g "$2" "$4"
	for node in $NODES; do
		echo "$1:$HASH:$2:$2:/mnt/$node/$3/$1:$5" >>"/run/$node/users"
	done
}

configure_nodes()
{
	local node
	HASH=$(openssl passwd -6 secret)
	for node in $NODES; do
		mkdir -p "/run/$node/state" "/run/$node/run"
		: >"/run/$node/users"
		chmod 600 "/run/$node/users"
		printf '%s\n' 'listen = {"*:2121"}' "accounts = \"/run/$node/users\"" "state-directory = \"/run/$node/state\"" \
			"runtime-directory = \"/run/$node/run\"" 'passive-ports = "50000-50100"' \
			'timeouts { login = "10m" idle = "1h" stall = "10m" }' \
			"log { target = \"/run/$node/log\" format = \"text\" level = \"info\" }" >"/run/$node/conf"
	done
}

# start_node NODE [PROGRAM...]: as PROGRAM... starts it
start_node()
{
	rm -f "/run/$1/log"
	detached in_node "$1" "${@:2}" sallyportd -c "/run/$1/conf"
	wait_until -t 60 grep -q ' ready ' "/run/$1/log" || cat "/run/$1/log"
}

pid_of_node()
{
	cat "/run/$1/run/sallyportd.pid"
}

stop_node() # NODE
{
	local pid
	pid=$(pid_of_node "$1")
	kill "$pid"
	wait_until -t 60 is_gone "$pid"
}

# Let both servers never ask the file server for the present state: a library in place of a call of libc.
forget_fresh_looks()
{
	local library=$BATS_TEST_DIRNAME/../preload/stale_looks.so node
	[ -e "$library" ] || skip "tests/preload/stale_looks.c was not built"
	for node in $NODES; do
		stop_node "$node"
		start_node "$node" env "LD_PRELOAD=$library"
	done
}

two_nodes()
{
	"$BATS_TEST_DIRNAME/two-nodes" "$@"
}

# mixed_writers ACCOUNT DIRECTORY [OPTION...]: DIRECTORY as two_nodes has it. What was wrong is in $DIR/journal, with what
# the clients did. MIXED_SECONDS is of scripts/vm-test.
mixed_writers()
{
	# shellcheck source=/dev/null
	source "$BATS_TEST_DIRNAME/settings"
	"$BATS_TEST_DIRNAME/mixed-writers" --account "$1" --home "$2" --lease 20 --journal "$DIR/journal" \
		--seconds "$MIXED_SECONDS" "${@:3}" 10.0.1.2:2121:/run/a:a 10.0.2.2:2121:/run/b:b
}

# What two_nodes noted, as comments of the test
say_notes()
{
	[ ! -e /run/two-nodes.notes ] || sed 's/^/# /' /run/two-nodes.notes >&3
	rm -f /run/two-nodes.notes
}

# rpcs MOUNT [OPERATION]: calls to the file server so far, of one kind or of all
rpcs()
{
	awk -v mount="$1" -v kind="${2-}" '
		$1 == "device" { is_here = $5 == mount }
		is_here && $1 ~ /^[A-Z_]+:$/ && $2 ~ /^[0-9]+$/ && (kind == "" || $1 == kind ":") && !/opts:|age:|caps:|sec:|events:|bytes:|xprt:/ { sum += $2 }
		END { print sum + 0 }' /proc/self/mountstats
}

# check_at_both MOUNT: store check --peer; the reports are /run/a/check and /run/b/check
check_at_both()
{
	local node pids=
	for node in $NODES; do
		in_node "$node" timeout 200 sallyportctl store check "/mnt/$node/$1" --peer >"/run/$node/check" 2>&1 3>&- &
		pids="$pids $!"
	done
	# these alone: bats has a child of its own, which watches the time
	# shellcheck disable=SC2086
	wait $pids
}

# Everything: the file server, both nodes with their mounts, accounts and servers.
serve_homes()
{
	make_nodes
	serve_nfs
	mount_nfs /export/free cached rw
	mount_nfs /export/free exact rw,lookupcache=none
	mount_nfs /export/squash squash rw
	configure_nodes
	add_everywhere cached 200000 cached/homes /export/free/homes/cached ''
	add_everywhere exact 200001 exact/homes /export/free/homes/exact ''
	add_everywhere keeper 200002 cached/homes /export/free/homes/keeper rights=list,read,create,rename,mkdir
	add_everywhere squashed 200003 squash /export/squash/squashed ''
	start_node a
	start_node b
}
