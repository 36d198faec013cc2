using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of one container of any sort (upstream's SetDefaults_Container, _Probe, _HTTPGetAction…).</summary>
internal static class ContainerDefaults
{
    public static void Apply(JsonObject container)
    {
        container.DefaultText("imagePullPolicy", ImageReference.DefaultPullPolicy(container.Text("image")));
        container.DefaultText("terminationMessagePath", "/dev/termination-log");
        container.DefaultText("terminationMessagePolicy", "File");
        if (!container.Has("resources")) container["resources"] = new JsonObject();
        foreach (var (_, port) in container.Items("ports")) port.DefaultText("protocol", "TCP");
        foreach (var (_, env) in container.Items("env"))
            env.Object("valueFrom").Object("fieldRef")?.DefaultText("apiVersion", "v1");
        QuantityRounding.RoundUp(container.Object("resources").Object("limits"));
        QuantityRounding.RoundUp(container.Object("resources").Object("requests"));
        foreach (var name in (ReadOnlySpan<string>)["livenessProbe", "readinessProbe", "startupProbe"])
            if (container.Object(name) is { } probe) ApplyToProbe(probe);
        if (container.Object("lifecycle") is not { } lifecycle) return;
        HttpGet(lifecycle.Object("postStart").Object("httpGet"));
        HttpGet(lifecycle.Object("preStop").Object("httpGet"));
    }

    private static void ApplyToProbe(JsonObject probe)
    {
        probe.DefaultNumber("timeoutSeconds", 1);
        probe.DefaultNumber("periodSeconds", 10);
        probe.DefaultNumber("successThreshold", 1);
        probe.DefaultNumber("failureThreshold", 3);
        HttpGet(probe.Object("httpGet"));
        probe.Object("grpc")?.DefaultTo("service", "");
    }

    private static void HttpGet(JsonObject? get)
    {
        if (get is null) return;
        get.DefaultText("path", "/");
        get.DefaultText("scheme", "HTTP");
    }
}
