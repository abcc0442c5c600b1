#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The image of scripts/image in a container: read-only, with only the capabilities that it names,
# no_new_privs, the engines' default filter, and its own process ids. The runtime crun runs it, in a network of its own,
# with the image's own ports. docs/CONTAINERS.md and the image must agree.
#
# IMAGE=FILE.oci.tar: test this image. Without it, the tests pack one of the programs that were built.

bats_require_minimum_version 1.5.0
load lib

NAME=files.example.org
IMAGE_CONF=$BATS_TEST_DIRNAME/../../etc/container/sallyport.conf
DOCUMENT=$BATS_TEST_DIRNAME/../../docs/CONTAINERS.md
PROFILE=/usr/share/containers/seccomp.json

# A package of the programs as they were built; it has only what scripts/image reads.
build_package()
{
	local tree=$BATS_FILE_TMPDIR/package program
	for program in sallyportd sallyportctl; do
		install -D -s -m 755 "$BUILD/$program" "$tree/usr/sbin/$program" || return 1
	done
	install -D -m 644 "$BATS_TEST_DIRNAME/../../debian/copyright" "$tree/usr/share/doc/sallyport-server/copyright"
	mkdir "$tree/DEBIAN"
	cat >"$tree/DEBIAN/control" <<-EOF
		Package: sallyport-server
		Version: $(cat "$BATS_TEST_DIRNAME/../../VERSION")
		Architecture: $(dpkg --print-architecture)
		Maintainer: tests <tests@sallyport.invalid>
		Depends: libc6, libcap-ng0, libconfuse2, libcrypt1, libjansson4, libpam0g, libseccomp2, libssl3, zlib1g
		Description: for tests
	EOF
	dpkg-deb -Znone -b "$tree" "$BATS_FILE_TMPDIR/package.deb" >/dev/null
}

# Print why there is no image, or nothing.
build_image()
{
	local tool
	for tool in crun mmdebstrap dpkg-deb readelf jq ip nsenter; do
		command -v "$tool" >/dev/null || { echo "$tool is not installed" && return; }
	done
	! is_asan || { echo "sanitizers need more than the image has" && return; }
	grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release || { echo "the image is made of Debian 12's packages" && return; }
	if [ -n "${IMAGE-}" ]; then
		cp "$IMAGE" "$BATS_FILE_TMPDIR/image.oci.tar"
	else
		build_package || { echo "no package can be made" && return; }
		pack "$BATS_FILE_TMPDIR/image.oci.tar" || return
	fi
	unpack_image
}

# pack OUTPUT. A mirror that cannot be reached is no fault of the script.
pack()
{
	local status=0
	timeout 240 "$BATS_TEST_DIRNAME/../../scripts/image" --deb "$BATS_FILE_TMPDIR/package.deb" --output "$1" \
		>"$BATS_FILE_TMPDIR/image.log" 2>&1 3>&- || status=$?
	case $status in
	0) return 0 ;;
	77 | 124) tail -n 1 "$BATS_FILE_TMPDIR/image.log" && return 1 ;;
	*) cat "$BATS_FILE_TMPDIR/image.log" >&2 && exit 1 ;;
	esac
}

# The image has one layer, so the tests unpack it without a tool.
unpack_image()
{
	local oci=$BATS_FILE_TMPDIR/oci manifest
	mkdir "$oci" "$BATS_FILE_TMPDIR/rootfs"
	tar -xf "$BATS_FILE_TMPDIR/image.oci.tar" -C "$oci"
	manifest=$(blob "$(jq -r '.manifests[0].digest' "$oci/index.json")")
	cp "$(blob "$(jq -r .config.digest "$manifest")")" "$BATS_FILE_TMPDIR/image.json"
	tar -xzf "$(blob "$(jq -r '.layers[0].digest' "$manifest")")" -C "$BATS_FILE_TMPDIR/rootfs"
}

blob()
{
	echo "$BATS_FILE_TMPDIR/oci/blobs/sha256/${1#sha256:}"
}

setup_file()
{
	NO_IMAGE=$(build_image) || return 1
	export NO_IMAGE
	[ -n "$NO_IMAGE" ] || [ -r "$PROFILE" ] || echo "# without the filter of container engines, which is not installed" >&3
}

setup()
{
	CONTAINER=
	NET_PID=
	VOLUMES=
}

teardown()
{
	[ -z "$CONTAINER" ] || { kill_container KILL 2>/dev/null || :; } && wait_until -t 20 container_is_gone
	[ -z "$NET_PID" ] || ! kill "$NET_PID" || wait "$NET_PID" || :
	[ -z "${DIR-}" ] || end_place
}

# --- a container ---

# Volumes, and a network of the container's own.
new_container_place()
{
	[ -z "$NO_IMAGE" ] || skip "$NO_IMAGE"
	[ -d /sys/fs/cgroup ] || skip "there is no /sys/fs/cgroup"
	new_place
	mkdir -p "$DIR/volumes/state" "$DIR/volumes/homes" "$DIR/bundle"
	STATE=$DIR/volumes/state
	mkfifo "$DIR/net"
	unshare --net -- sh -c 'ip link set lo up && echo up >"$1" && exec sleep 600' sh "$DIR/net" 3>&- &
	NET_PID=$!
	timeout 20 cat "$DIR/net" >/dev/null || skip "no network of its own can be had here"
}

# Turn the image's configuration into a bundle for a runtime, as an engine does, with the mounts of these tests.
write_bundle()
{
	local profile=null
	[ ! -r "$PROFILE" ] || profile=$(default_profile)
	ln -sfn "$BATS_FILE_TMPDIR/rootfs" "$DIR/bundle/rootfs"
	jq --arg state "$STATE" --arg homes "$DIR/volumes/homes" --arg net "/proc/$NET_PID/ns/net" --arg host "$NAME" \
		--arg without "${1-}" --arg rootfs "$BATS_FILE_TMPDIR/rootfs" --argjson profile "$profile" --argjson more "${VOLUMES:-[]}" '
		(.config.Labels["io.containers.capabilities"] | split(",") | map("CAP_" + .) - [$without]) as $caps |
		{
			ociVersion: "1.0.2", hostname: $host,
			process: {
				user: {uid: 0, gid: 0}, args: (.config.Entrypoint + .config.Cmd), env: .config.Env,
				cwd: .config.WorkingDir, noNewPrivileges: true,
				capabilities: {bounding: $caps, effective: $caps, permitted: $caps}
			},
			root: {path: $rootfs, readonly: true},
			mounts: ([
				{destination: "/proc", type: "proc", source: "proc"},
				{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"]},
				{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec", "mode=1777"]}
			] + ([[$state, "/var/lib/sallyport"], [$homes, "/srv/sallyport"]] + $more |
				map({destination: .[1], type: "bind", source: .[0], options: ["bind", "rw", "nosuid", "nodev", "noexec"]}))),
			linux: {
				namespaces: ([["pid", "ipc", "uts", "mount"][] | {type: .}] + [{type: "network", path: $net}]),
				maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
				readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
				seccomp: $profile
			}
		} | if $profile == null then del(.linux.seccomp) else . end' \
		"$BATS_FILE_TMPDIR/image.json" >"$DIR/bundle/config.json"
}

# The default seccomp filter of podman and other engines, for the image's capabilities.
default_profile()
{
	jq -c --slurpfile image "$BATS_FILE_TMPDIR/image.json" '
		($image[0].config.Labels["io.containers.capabilities"] | split(",") | map("CAP_" + .)) as $caps |
		{defaultAction, defaultErrnoRet, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
		syscalls: [.syscalls[] |
			select((.includes.caps // []) - $caps == []) |
			select((.excludes.caps // []) - ((.excludes.caps // []) - $caps) == []) |
			select((.includes.arches // [$image[0].architecture]) | index($image[0].architecture)) |
			{names, action} + (if .errnoRet then {errnoRet} else {} end) +
			(if (.args // []) == [] then {} else {args} end)]}' "$PROFILE"
}

# crun refuses a mixture of both versions of control groups, so this hides them.
runtime()
{
	unshare --mount -- sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec crun --root "$0/crun" --cgroup-manager=disabled "$@"' \
		"$DIR" "$@"
}

# run_container [WITHOUT_CAPABILITY]
run_container()
{
	write_bundle "$@"
	CONTAINER=sallyport-test-$$-$BATS_TEST_NUMBER
	runtime run --bundle "$DIR/bundle" "$CONTAINER" </dev/null >>"$LOG" 2>&1 3>&- &
	RUNTIME_PID=$!
}

start_container()
{
	: >"$LOG"
	run_container
	wait_until -t 30 is_up_or_gone
	log_has ' ready ' || { cat "$LOG" >&2 && return 1; }
	INIT_PID=$(runtime state "$CONTAINER" | jq .pid)
}

is_up_or_gone()
{
	is_gone "$RUNTIME_PID" || log_has ' ready '
}

container_is_gone()
{
	is_gone "$RUNTIME_PID"
}

in_container()
{
	runtime exec "$CONTAINER" "$@"
}

kill_container()
{
	runtime kill "$CONTAINER" "$1"
}

# Stop the container as engines do. Sets STATUS.
stop_container()
{
	kill_container TERM
	wait_until -t 40 container_is_gone
	STATUS=0
	wait "$RUNTIME_PID" || STATUS=$?
	CONTAINER=
}

add_alice()
{
	echo secret | in_container /usr/sbin/sallyportctl user add alice --password-stdin "$@"
}

# Run a client in the container's network. It trusts the certificate that the container made.
client_of()
{
	nsenter --net="/proc/$NET_PID/ns/net" -- curl -sS --max-time 60 --ssl-reqd --cacert "$STATE/cert.pem" \
		--resolve "$NAME:2121:127.0.0.1" -u alice:secret "$@"
}

place()
{
	echo "ftp://$NAME:2121/$1"
}

# Print the mask of the capabilities that the image's label names.
power()
{
	local -A bits=([CHOWN]=0 [KILL]=5 [SETGID]=6 [SETUID]=7 [SETPCAP]=8 [NET_BIND_SERVICE]=10 [SYS_CHROOT]=18)
	local name mask=0
	for name in $(jq -r '.config.Labels["io.containers.capabilities"] | split(",")[]' "$BATS_FILE_TMPDIR/image.json"); do
		mask=$((mask | 1 << bits[$name]))
	done
	printf '%016x\n' "$mask"
}

# --- the image ---

@test "image: the same package gives the same bytes, whoever packs it, wherever and whenever" {
	local image=$BATS_TEST_DIRNAME/../../scripts/image user=47011
	[ -z "$NO_IMAGE" ] || skip "$NO_IMAGE"
	[ -z "${IMAGE-}" ] || skip "scripts/image-test compares two"
	new_place
	install -d -o "$user" "$DIR/packing"
	setpriv --reuid "$user" --regid "$user" --clear-groups test -x "$image" || skip "others cannot read the sources here"
	install -m 644 "$BATS_FILE_TMPDIR/package.deb" "$DIR/package.deb"
	# an unprivileged user who owns the sources packs it
	setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$DIR/packing" TMPDIR="$DIR/packing" TZ=Asia/Tokyo \
		GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
		timeout 240 "$image" --deb "$DIR/package.deb" --output "$DIR/packing/again.oci.tar" 3>&-
	cmp "$DIR/packing/again.oci.tar" "$BATS_FILE_TMPDIR/image.oci.tar"
}

@test "image: small, and nothing in it but the server: no shell, no other program, nothing set-user-ID" {
	[ -z "$NO_IMAGE" ] || skip "$NO_IMAGE"
	cd "$BATS_FILE_TMPDIR/rootfs"
	assert_equal "$(find . -type f -perm /111 ! -name 'ld-linux*' | sort | tr '\n' ' ')" "./usr/sbin/sallyportctl ./usr/sbin/sallyportd "
	assert_equal "$(find . -perm /7000 ! -path ./tmp)" ''
	[ "$(du -sk . | cut -f 1)" -lt 20000 ]
	# the package and the licence of each library are known
	assert_equal "$(ls usr/share/doc)" "$(ls var/lib/dpkg/status.d)"
	[ -e usr/share/doc/libssl3/copyright ]
}

# --- a container's life ---

@test "container: the first start makes certificate and users file; log in, upload, download; the second keeps them" {
	new_container_place
	start_container
	log_has "names        DNS:$NAME"
	assert_equal "$(stat -c %a "$STATE/key.pem" "$STATE/users" | tr '\n' ' ')" '600 600 '
	add_alice
	head -c 3000000 /dev/urandom >"$DIR/sent"
	client_of -T "$DIR/sent" "$(place up)"
	client_of "$(place up)" | cmp - "$DIR/sent"
	client_of --disable-epsv "$(place up)" | cmp - "$DIR/sent"
	assert_equal "$(stat -c %u "$DIR/volumes/homes/alice/up")" 20000
	run ! nsenter --net="/proc/$NET_PID/ns/net" -- curl -sS --max-time 60 -u alice:secret "$(place up)"
	before=$(sha256sum "$STATE/cert.pem" "$STATE/users")
	stop_container
	assert_equal "$STATUS" 0
	start_container
	assert_equal "$(sha256sum "$STATE/cert.pem" "$STATE/users")" "$before"
	client_of "$(place up)" | cmp - "$DIR/sent"
}

@test "container: it is process 1 of a read-only root, with the image's capabilities alone, and walls in it" {
	new_container_place
	start_container
	assert_equal "$(status_of "$INIT_PID" NSpid | cut -d ' ' -f 2)" 1
	assert_equal "$(status_of "$INIT_PID" NoNewPrivs)" 1
	[ ! -r "$PROFILE" ] || [ "$(status_of "$INIT_PID" Seccomp)" = 2 ]
	assert_equal "$(status_of "$INIT_PID" CapPrm)" "$(power)"
	grep -qE '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / ro' "/proc/$INIT_PID/mountinfo"
	log_has ' walls '
	add_alice
	head -c 1000000 /dev/zero >"$DIR/sent"
	client_of --limit-rate 200k -T "$DIR/sent" "$(place slow)" 3>&- &
	transfer=$!
	wait_until files_process_of "$INIT_PID"
	assert_equal "$(status_of "$FILES" Uid | cut -d ' ' -f 1)" 20000
	assert_equal "$(status_of "$FILES" CapPrm)" 0000000000000000
	assert_equal "$(status_of "$FILES" CapBnd)" 0000000000000000
	[ "$(status_of "$FILES" Seccomp_filters)" -ge 2 ]
	assert_equal "$(readlink "/proc/$FILES/root")" /srv/sallyport/alice
	wait "$transfer"
}

# files_process_of MASTER: sets FILES, the process of an account.
files_process_of()
{
	local monitor pid
	for monitor in $(children_of "$1"); do
		for pid in $(children_of "$monitor"); do
			[ "$(status_of "$pid" Uid | cut -d ' ' -f 1)" != 20000 ] || { FILES=$pid && return 0; }
		done
	done
	return 1
}

@test "container: SIGTERM lets a transfer end, the health check turns to bad meanwhile, and the status is 0" {
	new_container_place
	start_container
	in_container /usr/sbin/sallyportctl status --ready
	add_alice --rate-down 1M
	head -c 4000000 /dev/urandom >"$DIR/volumes/homes/alice/big"
	chown 20000 "$DIR/volumes/homes/alice/big"
	client_of -o "$DIR/got" "$(place big)" 3>&- &
	transfer=$!
	wait_until test -s "$DIR/got"
	kill_container TERM
	wait_until is_not_ready
	is_gone "$transfer" && fail "the transfer was over before the server stopped"
	wait "$transfer"
	cmp "$DIR/got" "$DIR/volumes/homes/alice/big"
	wait_until -t 20 container_is_gone
	wait "$RUNTIME_PID"
	CONTAINER=
}

is_not_ready()
{
	! in_container /usr/sbin/sallyportctl status --ready 2>"$DIR/ready"
}

@test "container: what outlives its parent is reaped by process 1" {
	new_container_place
	start_container
	before=$(children_of "$INIT_PID" | wc -w)
	add_alice
	head -c 1000000 /dev/zero >"$DIR/sent"
	client_of --limit-rate 100k -T "$DIR/sent" "$(place slow)" 2>/dev/null 3>&- &
	wait_until files_process_of "$INIT_PID"
	kill -KILL "$(sed -n 's/^PPid:[[:blank:]]*//p' "/proc/$FILES/status")"
	ALARM_EXPECTED=1
	wait_until -t 20 has_children "$before"
}

# The kernel counts zombies as children.
has_children()
{
	[ "$(children_of "$INIT_PID" | wc -w)" -eq "$1" ]
}

@test "container: SIGUSR2 as process 1 is refused with the reason, and the server goes on" {
	new_container_place
	start_container
	add_alice
	kill_container USR2
	wait_until -t 30 log_has 'start a container with the new program'
	in_container /usr/sbin/sallyportctl status --ready
	head -c 1000 /dev/urandom >"$DIR/sent"
	client_of -T "$DIR/sent" "$(place up)"
}

@test "container: volumes that everybody may write to, as some engines make them, are closed to others" {
	new_container_place
	chmod 777 "$STATE" "$DIR/volumes/homes"
	start_container
	assert_equal "$(stat -c %a "$STATE" "$DIR/volumes/homes" | tr '\n' ' ')" '755 755 '
	log_has "setup: everybody could change directory '/srv/sallyport'"
	add_alice
	client_of -T "$IMAGE_CONF" "$(place up)"
}

# secret DIRECTORY FILE...: a volume as Kubernetes mounts Secrets and ConfigMaps, with links that root owns in a
# world-writable directory.
secret()
{
	local directory=$1 file
	shift
	mkdir -p "$directory/..2026"
	for file in "$@"; do
		install -m 400 "$file" "$directory/..2026/"
		ln -s "..data/${file##*/}" "$directory/${file##*/}"
	done
	ln -s ..2026 "$directory/..data"
	chmod 1777 "$directory"
}

@test "container: configuration and certificate from volumes of Kubernetes; a renewed certificate is taken" {
	new_container_place
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/tls.key" -out "$DIR/tls.crt" \
		-days 30 -subj "/CN=$NAME" -addext "subjectAltName=DNS:$NAME" 2>/dev/null
	secret "$DIR/tls" "$DIR/tls.key" "$DIR/tls.crt"
	sed 's|/var/lib/sallyport/cert.pem|/tls/tls.crt|; s|/var/lib/sallyport/key.pem|/tls/tls.key|' "$IMAGE_CONF" >"$DIR/sallyport.conf"
	secret "$DIR/config" "$DIR/sallyport.conf"
	# the image has the mount point, because its root is read-only
	VOLUMES='[["'"$DIR/config"'", "/etc/sallyport"], ["'"$DIR/tls"'", "/tls"]]'
	start_container
	log_has 'certificate .*file="/tls/tls.crt"'
	[ ! -e "$STATE/cert.pem" ]
	cp "$DIR/tls.crt" "$STATE/cert.pem"
	add_alice
	client_of -T "$IMAGE_CONF" "$(place up)"
	openssl req -x509 -key "$DIR/tls.key" -out "$DIR/tls.crt" -days 9 -subj "/CN=$NAME" -addext "subjectAltName=DNS:$NAME" 2>/dev/null
	mkdir "$DIR/tls/..2027"
	install -m 400 "$DIR/tls.key" "$DIR/tls.crt" "$DIR/tls/..2027/"
	ln -s ..2027 "$DIR/tls/..data_tmp"
	mv -T "$DIR/tls/..data_tmp" "$DIR/tls/..data"
	wait_until -t 40 log_has 'certificate .*days_left=[89] '
	cp "$DIR/tls.crt" "$STATE/cert.pem"
	client_of "$(place up)" | cmp - "$IMAGE_CONF"
}

@test "container: without a capability the start fails at once, and names it" {
	new_container_place
	for missing in SYS_CHROOT SETUID SETGID SETPCAP; do
		: >"$LOG"
		run_container "CAP_$missing"
		wait_until -t 30 container_is_gone
		run ! wait "$RUNTIME_PID"
		log_has "$missing" || { cat "$LOG" >&2 && fail "$missing is not named"; }
	done
	CONTAINER=
}

# --- the documents ---

# facts PYTHON: the lines, without the blanks in front of the first one. "compose" and "objects" (by kind) are the
# examples of docs/CONTAINERS.md; "conf" is the configuration.
facts()
{
	python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
	python3 - "$DOCUMENT" "$IMAGE_CONF" "$BATS_TEST_DIRNAME/../../scripts/image" "$1" <<-'EOF'
		import re, sys, textwrap, yaml
		document, conf, script = (open(path).read() for path in sys.argv[1:4])
		blocks = re.findall(r"^```yaml\n(.*?)^```", document, re.S | re.M)
		documents = [d for b in blocks for d in yaml.safe_load_all(b)]
		compose = next(d for d in documents if "services" in d)["services"]["sallyport"]
		objects = {d["kind"]: d for d in documents if "kind" in d}
		port = int(re.search(r'^listen = {"\*:(\d+)"}', conf, re.M)[1])
		low, high = map(int, re.search(r'^passive-ports = "(\d+)-(\d+)"', conf, re.M).groups())
		caps = sorted(re.search(r'"io.containers.capabilities": "([A-Z_,]+)"', script)[1].split(","))
		def same(what, found, wanted):
		    if found != wanted:
		        sys.exit(f"{what}: {found} in the document, {wanted} in the image")
		exec(textwrap.dedent(sys.argv[4]))
	EOF
}

@test "document: the compose file has the image's ports, volumes and capabilities" {
	facts '
		same("passive ports", compose["ports"][1], f"{low}-{high}:{low}-{high}")
		same("port", compose["ports"][0], f"21:{port}")
		same("capabilities", sorted(compose["cap_add"]), caps)
		same("dropped", compose["cap_drop"], ["ALL"])
		same("read_only", compose["read_only"], True)
		same("volumes", [v.split(":")[1] for v in compose["volumes"]][:2], ["/var/lib/sallyport", "/srv/sallyport"])
		same("health", compose["healthcheck"]["test"], ["CMD", "/usr/sbin/sallyportctl", "status", "--ready"])
	'
}

@test "document: the Kubernetes objects have the image's ports, volumes, capabilities and probes" {
	facts '
		spec = objects["StatefulSet"]["spec"]["template"]["spec"]
		[c] = spec["containers"]
		same("capabilities", sorted(c["securityContext"]["capabilities"]["add"]), caps)
		same("dropped", c["securityContext"]["capabilities"]["drop"], ["ALL"])
		same("root", c["securityContext"]["readOnlyRootFilesystem"], True)
		same("new privileges", c["securityContext"]["allowPrivilegeEscalation"], False)
		mounts = {m["mountPath"] for m in c["volumeMounts"]}
		same("mounts", {"/var/lib/sallyport", "/srv/sallyport", "/run"} - mounts, set())
		for probe in ("readinessProbe", "startupProbe"):
			same(probe, c[probe]["exec"]["command"], ["/usr/sbin/sallyportctl", "status", "--ready"])
		ports = {p["port"]: p.get("targetPort", p["port"]) for p in objects["Service"]["spec"]["ports"]}
		own = objects["ConfigMap"]["data"]["sallyport.conf"]
		own_low, own_high = map(int, re.search(r"passive-ports = \"(\d+)-(\d+)\"", own).groups())
		same("service", ports, {21: port, **{p: p for p in range(own_low, own_high + 1)}})
		same("range", low <= own_low <= own_high <= high, True)
		same("grace", spec["terminationGracePeriodSeconds"] > 30, True)
		same("replicas", objects["StatefulSet"]["spec"]["replicas"], 1)
	'
}

@test "document: the configurations in it are good" {
	new_place
	facts '
		texts = [objects["ConfigMap"]["data"]["sallyport.conf"]]
		for i, text in enumerate(texts):
			open("'"$DIR"'/conf.%d" % i, "w").write(text)
	'
	for conf in "$IMAGE_CONF" "$DIR"/conf.*; do
		sed "s|/var/lib/sallyport|$DIR/state|; s|\"/run/|\"$DIR/run/|" "$conf" >"$DIR/conf"
		"$BUILD/sallyportctl" -c "$DIR/conf" setup --name localhost >/dev/null
		"$BUILD/sallyportd" -t -c "$DIR/conf"
		rm -rf "$DIR/state"
	done
}
