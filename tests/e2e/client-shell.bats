# SPDX-License-Identifier: ISC
# sallyport, the client: the shell at a terminal, as a person sees it. The terminal is tmux's.

load lib
load tls-lib
load client-lib
load old-lib

setup_file()
{
	make_authority
}

setup()
{
	command -v tmux >/dev/null || skip "tmux is not installed"
	new_client_place
	unset SALLYPORT_PASSWORD TMUX
	TERM=screen-256color TMUX_TMPDIR=$DIR tmux -L t -f /dev/null new-session -d -x 90 -y 30 -s s \
		"env PS1='\$ ' bash --norc --noprofile" 3>&-
	wait_until sees '\$'
}

teardown()
{
	TMUX_TMPDIR=$DIR tmux -L t kill-server 2>/dev/null || :
	[ -z "${OLD_PIDS-}" ] || end_old
	end_place
}

screen()
{
	TMUX_TMPDIR=$DIR tmux -L t capture-pane -p -t s
}

# sees REGEX: a whole line of the screen matches.
sees()
{
	screen | grep -qE -- "^$1 *$"
}

lacks()
{
	! sees "$1"
}

# types KEY...: the keys have the names that send-keys of tmux gives them.
types()
{
	TMUX_TMPDIR=$DIR tmux -L t send-keys -t s "$@"
}

is_clear()
{
	! sees '.*for alice.*' && ! sees 'Trust it.*'
}

resize()
{
	TMUX_TMPDIR=$DIR tmux -L t resize-window -t s -x "$1" -y "$2"
}

# Log in, and wait for the prompt.
shell()
{
	types "clear; '$BUILD/sallyport' --ca '$CA' $* $(at)" Enter
	wait_until sees 'Password for alice on 127\.0\.0\.1:'
	types secret Enter
	wait_until sees '127\.0\.0\.1:/>'
	[[ $(screen) != *secret* ]]
}

@test "logging in, directories, columns, quit" {
	in_home a.txt
	in_home 'my dir/b.txt'
	shell
	types ls Enter
	wait_until sees ' +17 a\.txt +- my dir/'
	types "cd 'my dir'" Enter
	wait_until sees '127\.0\.0\.1:/my dir>'
	types "ls -l" Enter
	wait_until sees '-rw-r--r-- +[0-9]+ .* b\.txt'
	types 'lcd /' Enter lpwd Enter
	wait_until sees /
	types '!echo here' Enter
	wait_until sees here
	types nonsense Enter
	wait_until sees "sallyport: unknown command 'nonsense'; help lists the commands"
	types quit Enter
	wait_until sees '\$'
}

@test "Tab completes commands, names on the server, with blanks in them, and names here" {
	in_home 'a long name.txt' found
	in_home sub/inner.txt inside
	echo local >local-file
	shell
	types 'ca' Tab 'a\ l' Tab Enter
	wait_until sees found
	types 'cat su' Tab Tab Enter
	wait_until sees inside
	types 'cat "a l' Tab Enter
	wait_until sees '127\.0\.0\.1:/> cat "a long name\.txt"'
	types 'put loc' Tab Enter
	wait_until sees 'local-file: .*verified'
	types 'm' Tab
	wait_until sees 'mget +mirror +mkdir +mput +mv'
	types C-c
	wait_until sees '127\.0\.0\.1:/> m\^C'
}

@test "a progress bar that fits the terminal, follows its size, and leaves one line; Ctrl-C keeps the part" {
	big_in_home huge.bin 20G
	in_home small.txt
	shell
	types 'get huge.bin' Enter
	wait_until sees 'huge\.bin +[0-9]+% \[=*> *\] +[0-9.]+ [KMG]iB/20\.0 GiB +([0-9.]+ [KMG]iB|-)/s  ETA +[0-9:-]+'
	resize 50 30
	wait_until sees 'huge\.bin +[0-9]+% \[=*> *\] +[0-9.]+ [KMG]iB/20\.0 GiB'
	resize 120 30
	wait_until sees 'huge\.bin +[0-9]+% \[=*> {35,}\] +[0-9.]+ [KMG]iB/20\.0 GiB +([0-9.]+ [KMG]iB|-)/s  ETA +[0-9:-]+'
	types abc C-c
	wait_until sees '127\.0\.0\.1:/>'
	# the terminal wraps the line at words
	wait_until sees "sallyport: cannot fetch 'huge\.bin': stopped: 1 part kept, [0-9.]+ .iB; continue with: get --continue huge\.bin"
	run ! sees '.*%.*'
	assert_exist huge.bin.part
	assert_not_exist huge.bin
	types 'get small.txt' Enter
	wait_until sees 'small\.txt: 21 B in [0-9]+ ms, SHA-256 verified'
	rm -f huge.bin.part
}

@test "several at once have a line each, and one of their sum" {
	for i in 1 2 3; do big_in_home "f$i" 10G; done
	shell
	types 'mget --parallel 2 f*' Enter
	wait_until sees 'f1 +[0-9]+% .*'
	wait_until sees 'f2 +[0-9]+% .*'
	wait_until sees '0 of 3 +[0-9]+% .*/30\.0 GiB .*'
	types C-c
	wait_until sees '0 files, .*; 2 not completed; 1 not begun'
	wait_until sees '127\.0\.0\.1:/>'
	rm -f f?.part
}

# The terminal does not echo what the user types.
is_silent()
{
	stty -F "$(TMUX_TMPDIR=$DIR tmux -L t display-message -p -t s '#{pane_tty}')" -a | grep -q ' -echo '
}

# A program that the calling shell starts now finds a terminal that echoes.
calling_shell_echoes()
{
	types "clear; stty -a | grep -o ' echo ' | sed 's/.*/echo is on/'" Enter
	wait_until sees 'echo is on'
}

@test "Ctrl-Z and fg: the terminal is right in both, with bars and with a question" {
	big_in_home huge.bin 20G
	types "clear; '$BUILD/sallyport' --ca '$CA' get $(at huge.bin)" Enter
	wait_until sees 'Password for alice on 127\.0\.0\.1:'
	wait_until is_silent
	types C-z
	wait_until sees '.*Stopped.*'
	calling_shell_echoes
	types 'clear; fg' Enter
	wait_until sees 'Password for alice on 127\.0\.0\.1:'
	wait_until is_silent
	types secret Enter
	wait_until sees 'huge\.bin +[0-9]+% .*'
	wait_until is_silent
	types C-z
	wait_until sees '.*Stopped.*'
	calling_shell_echoes
	types 'clear; fg' Enter
	wait_until sees 'huge\.bin +[0-9]+% .*'
	wait_until is_silent
	types C-c
	wait_until sees '.*continue with:.*'
	calling_shell_echoes
	rm -f huge.bin*
}

@test "Ctrl-Z and fg in the shell: the line that was begun is there, and can be edited" {
	in_home a.txt found
	shell
	types 'cat a.t'
	wait_until sees '127\.0\.0\.1:/> cat a\.t'
	types C-z
	wait_until sees '.*Stopped.*'
	calling_shell_echoes
	types 'clear; fg' Enter
	wait_until sees '.*> cat a\.t'
	types xt Enter
	wait_until sees found
}

@test "texts wrap at words, whatever the width is" {
	for columns in 40 80 120; do
		script -qec "stty cols $columns; '$BUILD/sallyport' --help; '$BUILD/sallyport' mirror --help; \
			'$BUILD/sallyport' --nonsense" /dev/null </dev/null >out 3>&- || :
		grep -q 'unknown option' out
		# only one word, after its indent or a prompt, passes the last column
		run awk -v columns="$columns" '{ sub(/\r$/, "") } length($0) > columns && NF > 1 && !/^ *(sallyport|usage:) / { print }' out
		refute_output
	done
}

@test "a name in wide characters keeps its columns" {
	big_in_home 文件文件文件文件文件文件文件文件文件文件文件文件.bin 20G
	shell
	types 'mget *' Enter
	wait_until sees '文件.*\.\.\..*bin +[0-9]+% \[=*> *\] .*'
	[ "$(screen | grep -cE '^ *文件.*%')" -eq 1 ]
	types C-c
	wait_until sees '127\.0\.0\.1:/>'
	rm -f ./*.part
}

@test "the history is kept for the next time, and nobody else reads it" {
	in_home a.txt remembered
	shell
	types 'cat a.txt' Enter
	wait_until sees remembered
	types C-d
	wait_until sees '\$'
	assert_equal "$(stat -c %a "$HOME/.local/state/sallyport/history")" 600
	shell
	types Up Enter
	wait_until sees remembered
}

@test "the terminal is asked about a certificate that nobody vouches for" {
	types "clear; '$BUILD/sallyport' $(at)" Enter
	wait_until sees 'Trust it\? .*'
	sees ' +fingerprint .*'
	types no Enter
	wait_until sees '\$'
	types clear Enter
	wait_until is_clear
	types "'$BUILD/sallyport' $(at)" Enter
	wait_until sees 'Trust it\? .*'
	types yes Enter
	wait_until sees 'Password for alice .*'
	types secret Enter
	wait_until sees '127\.0\.0\.1:/>'
	types quit Enter
	wait_until sees '\$'
	types clear Enter
	wait_until is_clear
	types "'$BUILD/sallyport' $(at)" Enter
	wait_until sees 'Password for alice .*'
}

@test "the shell with no connection, then several; the prompt says where one is" {
	in_home a.txt
	shell
	types close Enter
	wait_until sees 'sallyport>'
	types ls Enter
	wait_until sees 'sallyport: ls: no connection is open; open PLACE opens one'
	types C-l
	wait_until lacks 'Password for alice.*'	# of the first login
	types "open --ca $CA $(at)" Enter
	wait_until sees 'Password for alice on 127\.0\.0\.1:'
	types secret Enter
	wait_until sees '127\.0\.0\.1:/>'
	types connections Enter
	wait_until sees '\* 2  alice@127\.0\.0\.1:/'
	types 'connec' Tab ' ' Tab Enter
	wait_until sees '127\.0\.0\.1:/> connections +2'
}

@test "a job ends while the prompt waits; leaving with one that runs asks" {
	big_in_home huge.bin 20G
	in_home a.txt
	shell
	types 'get a.txt &' Enter
	wait_until sees '\[1\] get a\.txt'
	wait_until test -s a.txt
	types wait Enter
	wait_until sees '.*a\.txt.*verified'
	types 'get huge.bin &' Enter
	wait_until test -s huge.bin.part
	types C-d
	wait_until sees '1 job is not done\. End it, and leave\? \[y\]es; \[N\]o:'
	types n Enter
	types C-l jobs Enter
	wait_until sees '\[[0-9]\] running  get huge\.bin.*'
	types fg Enter
	types C-c
	wait_until sees '.*stopped: 1 part kept.*'
	types quit Enter
	wait_until sees '\$'
	rm -f huge.bin.part*
}

@test "Tab: options, settings, local names after >, and names with operators in them" {
	in_home 'a>b&c.txt' found
	touch local-list
	shell
	types 'ls --lo' Tab Enter
	wait_until sees '127\.0\.0\.1:/> ls --long'
	types 'set para' Tab Enter
	wait_until sees 'parallel +1 .*'
	types 'cat a' Tab Enter
	wait_until sees found
	types 'ls > local-l' Tab Enter
	wait_until grep -q 'a>b&c.txt' local-list
}

@test "a listing that Tab has kept is forgotten at once when the shell changes something" {
	in_home dir/one.txt
	shell
	types 'cat dir/' Tab Enter
	wait_until sees 'content of dir/one\.txt'
	types 'mv dir/one.txt dir/two.txt' Enter
	types 'cat dir/' Tab Enter
	wait_until sees '.*> cat dir/two\.txt'
}

@test "copy: between open connections and on one server, with Tab for both" {
	add_user bob secret
	mkdir -p "$DIR/home/bob/in box"
	chown -R 200001:200001 "$DIR/home/bob"
	in_home 'a file.txt' moved
	# two of our servers have no way to begin TLS with each other
	shell --plaintext
	types C-l "open --ca $CA ftp://bob@127.0.0.1:$PORT/" Enter
	wait_until sees 'Password for bob on .*'
	types secret Enter
	wait_until sees '127\.0\.0\.1:/>'
	types 'connections 1' Enter
	types C-l 'copy --relay a\ f' Tab '2:in' Tab Enter
	wait_until sees '.*> copy --relay a\\ file\.txt 2:in\\ box/'
	wait_until sees 'a file\.txt: 6 B in .*verified'
	assert_equal "$(cat "$DIR/home/bob/in box/a file.txt")" moved
	types C-l 'copy --relay "a file.txt" second' Enter
	wait_until sees 'a file\.txt: 6 B in .*verified'
	assert_equal "$(cat "$H/second")" moved
	types C-l 'help copy' Enter
	wait_until sees 'usage: copy \[options\] FILE TARGET'
}

@test "Tab offers no name that deceives, and each name that it offers is the file's" {
	OLD_PIDS=
	mkdir "$DIR/old"
	for name in weird.txt $'wei\302\233rd' $'wei\342\200\256rd' $'wei\374rd' $'wei\033[2Jrd'; do
		echo "found $name" >"$DIR/old/$name"
	done
	old old
	types C-l "'$BUILD/sallyport' --plaintext ftp://alice@127.0.0.1:$OLD_PORT/" Enter
	wait_until sees 'Password for alice on .*'
	types secret Enter
	wait_until sees '127\.0\.0\.1:/>'
	types C-l 'cat we' Tab Enter
	wait_until sees 'found weird\.txt'
	sees '127\.0\.0\.1:/> cat weird\.txt'
}

@test "the list of settings wraps at words" {
	shell
	resize 40 30
	types C-l set Enter
	wait_until sees 'ascii +off +files are text: CRLF'
	sees ' {19}on the way, LF here'
}
