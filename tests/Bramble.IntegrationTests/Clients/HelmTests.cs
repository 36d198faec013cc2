using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Clients;

/// <summary>helm's life of a release: a chart made here is installed, upgraded, rolled back and uninstalled.</summary>
public sealed class HelmTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task A_release_is_installed_upgraded_rolled_back_and_uninstalled()
    {
        var space = $"helm-{Guid.NewGuid().ToString("N")[..6]}";
        var chart = Directory.CreateTempSubdirectory("bramble-chart-").FullName;
        try
        {
            await WriteChart(chart);
            async Task<string> Helm(params string[] arguments) => (await cluster.Helm([.. arguments, "--namespace", space])).Succeeded();

            var notes = await Helm("install", "web", chart, "--create-namespace", "--wait", "--timeout", "90s");
            Assert.Contains("STATUS: deployed", notes);
            Assert.Contains("Web says hello", notes);
            Assert.Equal("1 hello", await State(space));

            await Helm("upgrade", "web", chart, "--set", "replicas=2,greeting=goodbye", "--wait", "--timeout", "90s");
            Assert.Equal("2 goodbye", await State(space));
            Assert.Equal("2", await cluster.Kubectl("-n", space, "get", "deployment/web", "-o", "jsonpath={.status.readyReplicas}"));

            await Helm("rollback", "web", "1", "--wait", "--timeout", "90s");
            Assert.Equal("1 hello", await State(space));
            var history = JsonNode.Parse(await Helm("history", "web", "-o", "json"))!.AsArray();
            Assert.Equal(["superseded", "superseded", "deployed"], history.Select(revision => (string)revision!["status"]!));

            // A value that the schema refuses changes nothing.
            var refused = (await cluster.Helm("upgrade", "web", chart, "--set", "replicas=many", "--namespace", space)).Failed();
            Assert.Contains("Deployment", refused);
            Assert.Equal("1 hello", await State(space));

            await Helm("uninstall", "web", "--wait", "--timeout", "90s");
            Assert.Equal("", await cluster.Kubectl("-n", space, "get", "deployments,services,configmaps,secrets", "-l", "app=web", "-o", "name"));
            await cluster.Kubectl("delete", "namespace", space, "--timeout=60s");
        }
        finally
        {
            Directory.Delete(chart, recursive: true);
        }
    }

    private async Task<string> State(string space) =>
        await cluster.Kubectl("-n", space, "get", "deployment/web", "-o", "jsonpath={.spec.replicas}") + " " + await cluster.Kubectl("-n", space, "get", "configmap/web", "-o", "jsonpath={.data.greeting}");

    private static async Task WriteChart(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "templates"));
        await File.WriteAllTextAsync(Path.Combine(folder, "Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\nappVersion: \"1\"\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "values.yaml"), "replicas: 1\ngreeting: hello\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "templates", "NOTES.txt"), "Web says {{ .Values.greeting }}\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "templates", "web.yaml"), """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: web, labels: {app: web}}
            data: {greeting: {{ .Values.greeting }}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web, labels: {app: web}}
            spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, labels: {app: web}}
            spec:
              replicas: {{ .Values.replicas }}
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}, annotations: {greeting: {{ .Values.greeting }}}}
                spec:
                  terminationGracePeriodSeconds: 1
                  containers: [{name: web, image: "busybox:1", command: [httpd, -f, -p, "8080"], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}}]
            """);
        await File.WriteAllTextAsync(Path.Combine(folder, "templates", "hook.yaml"), """
            apiVersion: batch/v1
            kind: Job
            metadata: {name: web-before, annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}}
            spec:
              backoffLimit: 0
              template: {spec: {restartPolicy: Never, containers: [{name: look, image: "busybox:1", command: ["true"]}]}}
            """);
    }
}
