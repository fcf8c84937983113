# Sourced by ./ferry, ./test and .ci/run: how dotnet is called here. They set $clone and have a function fail.

# Nothing of a build outlives it.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false UseRazorBuildServer=false
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
# ICU need not be there.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
# A restore asks for packages only, not for the advisories about them.
export NuGetAudit=false

# NuGet and dotnet keep their state under HOME, or inside the clone where HOME cannot be written.
use_writable_home() {
    if [ -z "${HOME:-}" ] || [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then
        export HOME="$clone/artifacts/home"
        unset DOTNET_CLI_HOME NUGET_PACKAGES XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME
        mkdir -p "$HOME"
    fi
    export NUGET_SCRATCH="$clone/artifacts/scratch"
}

# Ends the script with a word about what is missing, unless there is an SDK that global.json accepts.
require_sdk() {
    if ! command -v dotnet > /dev/null; then
        fail "the .NET 10 SDK is needed, and dotnet is not in PATH; https://dot.net/download tells how to install it"
    fi
    if ! (cd "$clone" && dotnet --version) > /dev/null 2>&1; then
        fail "the .NET SDK 10.0.100 or a later 10.0 is needed (https://dot.net/download); installed: $(installed_sdks)"
    fi
}

installed_sdks() {
    sdks=$(dotnet --list-sdks 2> /dev/null | cut -d ' ' -f 1 | tr '\n' ' ')
    echo "${sdks:-none}"
}

# The first error of a build's log, on one line and without the project's name in brackets.
first_error() {
    error=$(sed -n -e 's/ *\[[^][]*\]$//' -e 's/^.*error *\([A-Z]*[0-9]* *:\)/\1/p' "$1" | sed -e 's/^[ :]*//' -e 1q)
    echo "${error:-no reason given}, see $1"
}
