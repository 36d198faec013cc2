using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Probes and lifecycle hooks of a container.</summary>
internal static class ProbeRules
{
    private static readonly string[] LinuxSignals =
    [
        "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF",
        "SIGPWR", "SIGQUIT",
        "SIGRTMAX", "SIGRTMAX-1", "SIGRTMAX-10", "SIGRTMAX-11", "SIGRTMAX-12", "SIGRTMAX-13", "SIGRTMAX-14", "SIGRTMAX-2", "SIGRTMAX-3", "SIGRTMAX-4", "SIGRTMAX-5",
        "SIGRTMAX-6", "SIGRTMAX-7", "SIGRTMAX-8", "SIGRTMAX-9",
        "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4",
        "SIGRTMIN+5", "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9",
        "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH",
        "SIGXCPU", "SIGXFSZ",
    ];

    public static void ValidateAll(JsonObject container, FieldPath path, PodScope scope)
    {
        if (container.Object("lifecycle") is { } lifecycle) Lifecycle(lifecycle, path.Child("lifecycle"), scope);
        foreach (var name in (ReadOnlySpan<string>)["livenessProbe", "readinessProbe", "startupProbe"])
            if (container.Object(name) is { } probe) Probe(probe, name == "readinessProbe", path.Child(name), scope);
    }

    private static void Probe(JsonObject probe, bool isReadiness, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        Handler(probe, path, scope);
        foreach (var name in (ReadOnlySpan<string>)["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"])
            NumberRules.NonNegative(probe.Long(name), path.Child(name), errors);
        if (probe.LongOrNull("terminationGracePeriodSeconds") is { } grace)
        {
            if (grace <= 0) errors.Invalid(path.Child("terminationGracePeriodSeconds"), grace, "must be greater than 0");
            if (isReadiness) errors.Invalid(path.Child("terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes");
        }

        if (!isReadiness && probe.Long("successThreshold") != 1) errors.Invalid(path.Child("successThreshold"), probe.Long("successThreshold"), "must be 1");
    }

    private static void Handler(JsonObject handler, FieldPath path, PodScope scope)
    {
        var (errors, hasOne) = (scope.Errors, false);
        foreach (var kind in (ReadOnlySpan<string>)["exec", "httpGet", "tcpSocket", "grpc", "sleep"])
        {
            if (handler.Object(kind) is not { } action) continue;
            var at = path.Child(kind);
            if (hasOne)
            {
                errors.Forbidden(at, "may not specify more than 1 handler type");
                continue;
            }

            hasOne = true;
            switch (kind)
            {
                case "exec":
                    if (action.Count("command") == 0) errors.Required(at.Child("command"));
                    break;
                case "httpGet":
                    HttpGet(action, at, errors);
                    break;
                case "tcpSocket" or "grpc":
                    PortRules.NumberOrName(action["port"], at.Child("port"), errors);
                    break;
                case "sleep":
                    var seconds = action.Long("seconds");
                    if (scope.GracePeriodSeconds is { } grace && (seconds < 0 || seconds > grace))
                        errors.Invalid(at, seconds, $"must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                    break;
            }
        }

        if (!hasOne) errors.Required(path, "must specify a handler type");
    }

    private static void HttpGet(JsonObject action, FieldPath path, FieldErrors errors)
    {
        if (action.Text("path").Length == 0) errors.Required(path.Child("path"));
        PortRules.NumberOrName(action["port"], path.Child("port"), errors);
        if (action.Text("scheme") is not ("HTTP" or "HTTPS")) errors.NotSupported(path.Child("scheme"), action.Text("scheme"), ["HTTP", "HTTPS"]);
        foreach (var (_, header) in action.Items("httpHeaders")) errors.InvalidEach(path.Child("httpHeaders"), header.Text("name"), Formats.HttpHeaderName(header.Text("name")));
    }

    private static void Lifecycle(JsonObject lifecycle, FieldPath path, PodScope scope)
    {
        foreach (var name in (ReadOnlySpan<string>)["postStart", "preStop"])
            if (lifecycle.Object(name) is { } handler) Handler(handler, path.Child(name), scope);
        if (lifecycle.TextOrNull("stopSignal") is not { } signal) return;
        var at = path.Child("stopSignal");
        if (!scope.Spec.Has("os")) scope.Errors.Forbidden(at, "may not be set for containers with empty `spec.os.name`");
        else if (scope.Spec.Text("os", "name") == "windows" && signal is not ("SIGKILL" or "SIGTERM")) scope.Errors.NotSupported(at, signal, ["SIGKILL", "SIGTERM"]);
        else if (scope.Spec.Text("os", "name") == "linux" && !LinuxSignals.Contains(signal)) scope.Errors.NotSupported(at, signal, LinuxSignals);
    }
}
