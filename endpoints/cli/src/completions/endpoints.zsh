# Endpoint strings: the command is asked.
_ropewalk_endpoint() {
    local -a given found
    given=(${(Q)${(z)LBUFFER}})
    [[ $LBUFFER == *[[:space:]] ]] && given+=('')
    found=(${(f)"$(${given[1]} complete-endpoint -- "${(@)given[2,-1]}" 2> /dev/null)"})
    if (( ${#found} )); then
        compadd -S '' -a found
    else
        _default
    fi
}

