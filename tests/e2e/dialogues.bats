#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport against servers that are tables of answers: what it asks, says, writes and leaves. The cases are in dialogues*.toml.

load lib

dialogues()
{
	run timeout 280 "$BATS_TEST_DIRNAME/dialogues" "$@" 3>&-
	if [ "$status" -ne 0 ]; then
		echo "$output"
		return 1
	fi
}

@test "dialogues: downloads, and what of them may be gone on with" {
	dialogues downloads
}

@test "dialogues: times, and what decides whether a file is the same" {
	dialogues times
}

@test "dialogues: uploads, and what of them may be gone on with" {
	dialogues uploads
}

@test "dialogues: listings of all kinds, and what is not known after them" {
	dialogues listings
}

@test "dialogues: what mirror removes, and when" {
	dialogues deleting
}

@test "dialogues: servers as they are" {
	dialogues servers
}

@test "dialogues: places, commands, options, JSON and exit statuses, as sallyport(1) has them" {
	dialogues places commands options json exit
}
