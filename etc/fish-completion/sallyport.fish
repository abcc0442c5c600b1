# SPDX-License-Identifier: ISC
# fish completion of sallyport(1). It asks the program's own --help, and so is never behind it.

# The words before the cursor: the program, and the command where there is one.
function __sallyport_command
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if not string match -q -- '-*' $word; and contains -- $word (__sallyport_commands $words[1])
            echo $word
            return
        end
    end
end

function __sallyport_commands
    $argv[1] --help 2>/dev/null | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'
end

# "--name<Tab>help" of the options that fit here.
function __sallyport_options
    set -l words (commandline -opc)
    $words[1] (__sallyport_command) --help 2>/dev/null | sed -nE 's/^  (-.,|   ) (--[a-z0-9-]+)( [A-Z]+)?( +(.*))?$/\2\t\5/p'
    printf '%s\t%s\n' --help 'print the help'
end

# Names as a URL has them.
function __sallyport_escape
    LC_ALL=C awk '
        BEGIN {
            for (i = 1; i < 128; i++) {
                c = sprintf("%c", i)
                code[c] = c ~ /[A-Za-z0-9._~\/+,-]/ ? c : sprintf("%%%02X", i)
            }
        }
        {
            out = ""
            for (i = 1; i <= length($0); i++) {
                c = substr($0, i, 1)
                out = out (c in code ? code[c] : c)
            }
            print out
        }'
end

# Names on the server below a URL with a host: as the program lists them, without asking for a password.
function __sallyport_places
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    if string match -qr '^ftp(es|s)?://[^/]+/' -- $current
        set -l directory (string replace -r '[^/]*$' '' -- $current)
        setsid $words[1] ls --classify --one --quiet --retry 0 $directory 2>/dev/null </dev/null |
            sed 's/@$//' | __sallyport_escape |
            while read -l name
                echo $directory$name
            end
        return
    end
    $words[1] bookmark 2>/dev/null | sed -n 's/^\([A-Za-z0-9._-]*\)[[:blank:]].*/\1/p'
    printf '%s\n' ftp:// ftpes:// ftps://
end

function __sallyport_previous
    set -l words (commandline -opc)
    contains -- $words[-1] $argv
end

complete -c sallyport -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__sallyport_options)'
complete -c sallyport -n '__sallyport_previous --verify --color' -f -a 'auto always never'
complete -c sallyport -n '__sallyport_previous --tls-min --tls-max' -f -a '1.0 1.1 1.2 1.3'
complete -c sallyport -n '__sallyport_previous --links' -f -a 'copy follow skip'
complete -c sallyport -n '__sallyport_previous --sort' -f -a 'name size time'
complete -c sallyport -n '__sallyport_previous -t --type' -f -a 'f d l'
complete -c sallyport -n '__sallyport_previous --algorithm' -f -a 'SHA-256 SHA-512 SHA-1 MD5 CRC32'
complete -c sallyport -n 'test "$(__sallyport_command)" = config' -f -a 'check show'
complete -c sallyport -n '__sallyport_previous --progress' -f -a 'bar lines json none'
complete -c sallyport -n 'test -z (__sallyport_command)' -a '(__sallyport_commands (commandline -opc)[1])'
complete -c sallyport -n 'not string match -q -- "-*" (commandline -ct)' -a '(__sallyport_places)'
