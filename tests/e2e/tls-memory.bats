#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The memory that an idle session over TLS keeps, in pages: their number repeats, as times do not.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	skip_if_asan "sanitizers keep memory of their own"
	new_place
	start_tls_server
	# the bound is for OpenSSL of Debian 12; OpenSSL 3.5 of Debian 13 touches more pages of its own data
	MOST=400
	[[ $(openssl version) == 'OpenSSL 3.0.'* ]] || MOST=500
	export SERVER_PID MOST
}

teardown()
{
	[ -z "${DIR-}" ] || end_place
}

@test "memory of an idle session over TLS" {
	run -0 ftps <<-'END'
		def children(pid):
		    with open(f"/proc/{pid}/task/{pid}/children") as file:
		        return [int(child) for child in file.read().split()]

		def dirty(pid):
		    with open(f"/proc/{pid}/smaps_rollup") as file:
		        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty:"))

		def session():
		    return next(pids for pids in (children(pid) + [pid] for pid in children(os.environ["SERVER_PID"])) if len(pids) == 3)

		kept = []
		for i in range(3):  # the first one finds the libraries' pages untouched
		    c = Control(tls=context(TLS13)).login()
		    c.ask("NOOP", 200)
		    kept = [dirty(pid) for pid in session()]
		    c.close()
		    while any(len(children(pid)) > 1 for pid in children(os.environ["SERVER_PID"])):
		        time.sleep(0.02)
		print("KiB:", *kept, "sum:", sum(kept))
		assert 100 < sum(kept) <= int(os.environ["MOST"]), kept
	END
	echo "# kept by protocol, files and monitor, $output" >&3
}
