# SPDX-License-Identifier: ISC
# A fresh Debian root for scripts that test something in one, of Debian 12 unless suite names another release.
# They source this file in name spaces of their own ("room_enter"), so that mounts and processes end with
# them. Sets room (a directory that room_clean_up removes) and root (the root in it).
# shellcheck shell=sh

suite=bookworm

# room_enter SCRIPT ARGUMENT...: run the script again in name spaces of its own, unless it is in them already.
room_enter()
{
	name=${1##*/}
	if [ "$(id -u)" -ne 0 ]; then
		echo "$name: must be run as root" >&2
		exit 77
	fi
	for tool in debootstrap git unshare; do
		command -v "$tool" >/dev/null || { echo "$name: $tool is missing; install it" >&2 && exit 77; }
	done
	if [ -z "${ROOM_INSIDE-}" ]; then
		ROOM_INSIDE=yes exec unshare --mount --pid --fork --kill-child --mount-proc -- "$@"
	fi
	room=$(mktemp -d "${TMPDIR:-/var/tmp}/sallyport-room.XXXXXX")
	root=$room/root
}

say()
{
	echo "$name: $*"
}

leave_room()
{
	for point in proc sys dev/pts dev; do
		umount "$root/$point" 2>/dev/null || umount -l "$root/$point" 2>/dev/null || :
	done
}

# Remove the root, so that there is room for another one.
unmake_room()
{
	leave_room
	rm -rf --one-file-system "$root"
}

room_clean_up()
{
	leave_room
	[ -n "${KEEP-}" ] || rm -rf --one-file-system "$room"
}

# host_sources [SUITE]: print this host's sources of it as one-line entries, "deb URI SUITE main".
host_sources()
{
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		sed -n 's/\[[^]]*\]//; s/^deb  *\([^ ]*\)  *\([^ ]*\)  *\(.*\)/\1 \2 \3/p' |
		awk -v suite="${1:-$suite}" '$2 ~ "^" suite "(-|$)" && / main/ { print "deb", $1, $2, "main" }'
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		awk -v suite="${1:-$suite}" '
			function flush(  i, j) {
				for (i = 1; i <= split(uris, uri, " "); i++)
					for (j = 1; j <= split(suites, s, " "); j++)
						if (s[j] ~ "^" suite "(-|$)" && components ~ /(^| )main( |$)/)
							print "deb", uri[i], s[j], "main"
				uris = suites = components = ""
			}
			/^URIs:/ { uris = substr($0, 6) }
			/^Suites:/ { suites = substr($0, 8) }
			/^Components:/ { components = substr($0, 12) }
			/^[ \t]*$/ || FNR == 1 { if (FNR > 1) flush() }
			END { flush() }' "$file"
	done
}

# The same mirror has other suites: a suite that this host's apt does not know takes the mirror of the host's own.
sources_of_suite()
{
	own=$(host_sources "$suite" | sort -u)
	if [ -z "$own" ]; then
		host=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
		own=$(host_sources "$host" | sort -u | awk -v own="$host" -v wanted="$suite" '$3 == own { print $1, $2, wanted, $4; exit }')
	fi
	echo "$own"
}

mount_room()
{
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount --bind /dev "$root/dev"
	mount --bind /dev/pts "$root/dev/pts"
}

# exec, so that a process in the background is the command itself.
become_in_room()
{
	exec chroot "$root" /usr/bin/env -u ROOM_INSIDE HOME=/root TMPDIR=/tmp \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd /sallyport && $1"
}

in_room()
{
	(become_in_room "$1")
}

make_room()
{
	sources=$(sources_of_suite)
	mirror=$(echo "$sources" | awk -v suite="$suite" '$3 == suite { print $2; exit }')
	if [ -z "$mirror" ]; then
		say "this host's apt has no source for $suite" >&2
		exit 1
	fi
	say "a fresh $suite"
	debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$room/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$room/debootstrap.log" && exit 1; }
	echo "$sources" >"$root/etc/apt/sources.list"
	apt-config dump | grep -i '^Acquire::https*::Proxy' >"$root/etc/apt/apt.conf.d/90room" || :
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || :
	# a mirror that stands still has an old index of a suite that moves
	[ "$suite" != sid ] || echo 'Acquire::Check-Valid-Until "false";' >>"$root/etc/apt/apt.conf.d/90room"
	mount_room
	git clone -q --no-hardlinks . "$root/sallyport"
	in_room 'apt-get -q update' >"$room/update.log" 2>&1 || { tail -n 20 "$room/update.log" && exit 1; }
}

# bump_package DEB OUTPUT SUFFIX: the same package with a higher version and a default configuration that has changed.
bump_package()
{
	bump=$(mktemp -d)
	dpkg-deb -R "$1" "$bump/root"
	sed -i "s/^Version: .*/&$3/; s/(= \([^)]*\))/(= \1$3)/" "$bump/root/DEBIAN/control"
	[ ! -e "$bump/root/etc/sallyport/sallyport.conf" ] ||
		echo "# a newer default: $3" >>"$bump/root/etc/sallyport/sallyport.conf"
	dpkg-deb --root-owner-group -Zgzip -b "$bump/root" "$2" >/dev/null
	rm -rf "$bump"
}
