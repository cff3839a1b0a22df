
# Endpoint strings: the command is asked.
function __fish_ropewalk_endpoints
    set -l given (commandline -opc)
    $given[1] complete-endpoint -- $given[2..-1] (commandline -ct) 2>/dev/null
end

complete -c ropewalk -n "not __fish_ropewalk_needs_command" -a "(__fish_ropewalk_endpoints)"
