# The program in bench/Load: many connections from one process. It is built when a source is newer.
build_load() {
    load=$clone/artifacts/bench/Load.dll
    fresh_load && return
    . "$clone/build/environment.sh"
    use_writable_home
    require_sdk
    progress "building bench/Load"
    dotnet build "$clone/bench/Load/Load.csproj" --configuration Release --artifacts-path "$clone/artifacts/bench/build" \
        --output "$clone/artifacts/bench" -nodeReuse:false -tl:off -v:quiet > "$work/build.log" 2>&1 < /dev/null ||
        fail "bench/Load does not build: $(first_error "$work/build.log")"
}

fresh_load() {
    [ -f "$load" ] && [ -z "$(find "$clone/bench/Load" "$clone/src/Ferry" \( -name bin -o -name obj \) -prune -o -type f -newer "$load" -print -quit)" ]
}
