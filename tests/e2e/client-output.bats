#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport, the client: what it prints about its work: JSON by a schema, forms of progress, the sums at the end.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place
	SCHEMA=$BATS_TEST_DIRNAME/../../etc/sallyport-events.schema.json
}

teardown()
{
	end_place
}

# validate FILE: each line is an event of the schema; prints the kinds.
validate()
{
	python3 - "$SCHEMA" "$1" <<-'EOF'
		import json, sys
		import jsonschema
		schema = json.load(open(sys.argv[1]))
		jsonschema.validators.validator_for(schema).check_schema(schema)
		check = jsonschema.validators.validator_for(schema)(schema)
		kinds = set()
		for line in open(sys.argv[2]):
		    event = json.loads(line)
		    # the error of the one alternative that is meant says more than "none of them"
		    meant = [d for d in schema["$defs"].values() if d["properties"]["event"]["const"] == event.get("event")]
		    for alternative in meant if len(meant) == 1 else []:
		        jsonschema.validate(event, alternative)
		    check.validate(event)
		    assert event["version"] == 1, event
		    kinds.add(event["event"])
		print(" ".join(sorted(kinds)))
	EOF
}

# shellcheck disable=SC2129 # one command a line
@test "JSON: the events of all commands follow the schema, and every kind of it occurs" {
	in_home a.txt
	in_home d/b.txt
	ln -s a.txt "$H/link"
	mkdir -p "$HOME/.config/sallyport"
	printf 'timeout = 30\npassword = secret\nplaintext = no\n' >"$HOME/.config/sallyport/config"
	chmod 600 "$HOME/.config/sallyport/config"
	big_in_home big.bin 200M
	client --json get "$(at big.bin)" big >>events
	client --json mget "$(at '[ad]*')" >>events || :
	client --json get "$(at a.txt)" "$(at nothing)" >>events 2>/dev/null || :
	client --json put a.txt "$(at put.txt)" >>events
	client --json mirror --max-size 1M "$(at)" m >>events
	for command in 'ls' 'find' 'du' 'status' 'quota'; do
		client --json "$command" "$(at)" >>events 2>/dev/null || :
	done
	client --json hash "$(at a.txt)" >>events
	client --json verify "$(at a.txt)" >>events
	client --json config show 127.0.0.1 >>events
	SALLYPORT_RETRY=2 client --json config show >>events
	client --json bookmark work "$(at)" && client --json bookmark >>events
	client --json mkdir "$(at new)" >>events
	client --json mv "$(at new)" newer >>events
	client --json chmod 700 "$(at newer)" >>events
	client --json rmdir "$(at newer)" >>events
	client --json rm "$(at put.txt)" >>events
	EDITOR='echo x >' client --json edit "$(at a.txt)" >>events
	client --json "$(at)" >>events 2>/dev/null <<-'END'
		pwd
		alias a b
		alias
		connections
		quote NOOP
		get a.txt other &
		jobs
		wait
		-ls nothing
	END
	big_in_home huge.bin 20G
	env --default-signal=INT "$BUILD/sallyport" --json --ca "$CA" get "$(at huge.bin)" >>events 2>/dev/null 3>&- &
	child=$!
	wait_until test -s huge.bin.part
	wait_until grep -q '"progress"' events    # twice a second
	kill -INT "$child"
	wait "$child" || :
	rm -f huge.bin*
	run -0 validate events
	# an unread line needs a server that sends one: tests/e2e/dialogues.toml
	for kind in $(python3 -c 'import json, sys; print(*{d["properties"]["event"]["const"] for d in json.load(open(sys.argv[1]))["$defs"].values()})' "$SCHEMA"); do
		[ "$kind" = unread ] || [[ " $output " == *" $kind "* ]] || fail "no event '$kind'"
	done
}

@test "the schema refuses what is not an event, and what has one member too many" {
	printf '%s\n' '{"event":"note","text":"x","version":1}' >good
	validate good
	for bad in '{"event":"note","version":1}' '{"event":"note","text":"x","version":2}' '{"event":"what","version":1}' \
		'{"event":"note","text":"x","more":1,"version":1}'; do
		printf '%s\n' "$bad" >bad
		run ! validate bad
	done
}

@test "the sum at the end: files, rate, by which digest how many were verified" {
	for i in 1 2 3; do in_home "f$i"; done
	run -0 client mget "$(at 'f*')"
	assert_line --regexp '^3 files, [0-9]+ B in .*; 3 verified by SHA-256$'
	run -0 client mget --verify never "$(at 'f*')" "$HOME"
	assert_line --regexp '^3 files, .*; 3 of the same size$'
	client --json mget "$(at 'f*')" "$DIR/work" >events
	python3 - <<-'EOF'
		import json
		total = [e for e in map(json.loads, open("events")) if e["event"] == "total"]
		assert len(total) == 1 and total[0]["verified"] == {"SHA-256": 3} and total[0]["files"] == 3, total
		assert total[0]["retries"] == 0 and total[0]["failed"] == 0 and total[0]["size_matches"] == 0, total
	EOF
}

# on_terminal COLUMNS TERM LC_ALL OPTION...: fetch f* on a terminal; what it showed is in shown.
on_terminal()
{
	script -qec "stty cols $1; env TERM=$2 LC_ALL=$3 '$BUILD/sallyport' --ca '$CA' ${*:4} mget --parallel 2 '$(at 'f*')' '$DIR/got'" \
		/dev/null </dev/null >shown 3>&-
}

# The longest line of progress that was drawn, in columns, wide characters counted as two.
longest_line()
{
	python3 - "$1" <<-'EOF'
		import re, sys, unicodedata
		text = open(sys.argv[1], "rb").read().decode("utf-8", "replace")
		text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "\n", text)
		wide = lambda c: 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
		print(max(sum(map(wide, line)) for line in re.split(r"[\r\n]+", text) if re.search(r"\d%|of \d+ ", line)))
	EOF
}

@test "progress of many files stays within the line: 40, 80, 120 columns, wide names, UTF-8 and C" {
	mkdir "$DIR/got"
	for i in 1 2 3; do big_in_home "f文書の名前がとても長い場合の表示を確かめる$i.bin" 60M; done
	for columns in 40 80 120; do
		for locale in C.UTF-8 C; do
			on_terminal "$columns" xterm "$locale"
			grep -q '[0-9] of 3' shown
			# the last column stays free, so that no terminal wraps
			longest=$(longest_line shown)
			[ "$longest" -lt "$columns" ] || fail "$longest columns of $columns"
			rm -f "$DIR"/got/*
		done
	done
}

@test "a terminal that cannot draw, and --progress=lines and none: no control characters" {
	mkdir "$DIR/got"
	for i in 1 2 3; do big_in_home "f$i" 30M; done
	on_terminal 80 dumb C.UTF-8
	run ! grep -q $'\033' shown
	grep -q 'f1: .*verified' shown
	rm -f "$DIR"/got/*
	for form in lines none; do
		on_terminal 80 xterm C.UTF-8 "--progress=$form"
		run ! grep -q $'\033' shown
		grep -q 'f1: .*verified' shown
		rm -f "$DIR"/got/*
	done
	on_terminal 80 xterm C.UTF-8 --progress=bar
	grep -q $'\033' shown
	rm -f "$DIR"/got/*
	on_terminal 80 xterm C.UTF-8 --progress=json
	grep -q '"event":"done"' shown
	run -2 client --progress=fast ls "$(at)"
	assert_output --partial "--progress is 'fast'; it must be bar, lines, json or none"
}
