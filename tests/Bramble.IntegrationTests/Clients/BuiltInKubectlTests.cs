using System.Text.RegularExpressions;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Clients;

/// <summary><c>k3s kubectl</c>: the built-in one beside the ordinary one, on the same objects at the same time.</summary>
public sealed partial class BuiltInKubectlTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    private async Task<string> BuiltIn(params string[] arguments) => (await TryBuiltIn(arguments)).Succeeded();

    private Task<CommandResult> TryBuiltIn(params string[] arguments) => cluster.Host.Run([TestFiles.Bramble, "kubectl", .. arguments]);

    private Task<CommandResult> WithInput(string input, params string[] arguments) =>
        cluster.Host.Run(["bash", "-c", "printf %s \"$1\" | \"${@:2}\"", "input", input, TestFiles.Bramble, "kubectl", .. arguments]);

    /// <summary>Ages move on between two calls, and may take one more column.</summary>
    [GeneratedRegex(@"\b\d+(s|m\d*s?)\b *|resourceVersion: \S+")]
    private static partial Regex Ages();

    private async Task SameAsOrdinary(params string[] arguments)
    {
        static string Still(string text) => Ages().Replace(string.Join('\n', text.Split('\n').Select(line => line.TrimEnd())), "*").Trim();
        var (ordinary, own) = (await cluster.Kubectl(arguments), await BuiltIn(arguments));
        Assert.True(Still(ordinary) == Still(own), $"kubectl {string.Join(' ', arguments)}\n--- the ordinary one\n{ordinary}\n--- the built-in one\n{own}");
    }

    [Fact]
    public async Task It_shows_what_the_ordinary_one_shows()
    {
        var space = await cluster.NewNamespace("builtin-show");
        await cluster.Kubectl("-n", space, "create", "deployment", "web", "--image=busybox:1", "--replicas=2", "--", "sh", "-c", "echo hello; exec sleep 100000");
        await cluster.Kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=60s");
        await cluster.Kubectl("-n", space, "expose", "deployment/web", "--port=80");
        await cluster.Kubectl("-n", space, "create", "configmap", "settings", "--from-literal=a=b");
        foreach (var form in (string[][])[[], ["-o", "wide"], ["-o", "name"], ["-o", "yaml"], ["-o", "json"], ["--show-labels"], ["--no-headers"], ["-L", "app"],
                     ["-o", "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}"], ["-o", "custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image"], ["--sort-by=.metadata.name"], ["-l", "app=web"], ["--field-selector=status.phase=Running"]])
            await SameAsOrdinary(["-n", space, "get", "pods", .. form]);
        await SameAsOrdinary("-n", space, "get", "deployments,services,configmaps");
        await SameAsOrdinary("-n", space, "get", "all");
        await SameAsOrdinary("get", "nodes", "-o", "wide");
        // By name: those of other tests may be going.
        await SameAsOrdinary("get", "namespaces", "default", "kube-system", "kube-public");
        await SameAsOrdinary("api-resources");
        await SameAsOrdinary("api-versions");
        await SameAsOrdinary("-n", space, "describe", "deployment", "web");
        await SameAsOrdinary("-n", space, "describe", "service", "web");
        await SameAsOrdinary("-n", space, "describe", "configmap", "settings");
        await SameAsOrdinary("-n", space, "describe", "pods");
        await SameAsOrdinary("-n", space, "rollout", "status", "deployment/web");
        await SameAsOrdinary("-n", space, "rollout", "history", "deployment/web");
        await SameAsOrdinary("-n", space, "logs", "deployment/web", "--tail=1");
        await SameAsOrdinary("-n", space, "logs", "-l", "app=web", "--prefix");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task It_says_what_the_ordinary_one_says_of_a_mistake()
    {
        foreach (var arguments in (string[][])[["get", "pod", "nobody"], ["get", "nothings"], ["delete", "configmap", "nobody"], ["get", "pods", "-n", "nowhere"], ["scale", "deployment/nobody", "--replicas=1"]])
        {
            var (ordinary, own) = (await cluster.TryKubectl(arguments), await TryBuiltIn(arguments));
            Assert.True((ordinary.ExitCode, ordinary.Errors.Trim(), ordinary.Output.Trim()) == (own.ExitCode, own.Errors.Trim(), own.Output.Trim()), $"{ordinary}\n{own}");
        }
        Assert.Contains("unable to match a printer suitable for the output format \"pretty\"", (await TryBuiltIn("get", "pods", "-o", "pretty")).Failed());
        Assert.Contains("Use the ordinary kubectl", (await TryBuiltIn("edit", "pod", "x")).Failed());
    }

    [Fact]
    public async Task It_makes_changes_and_removes()
    {
        var space = await cluster.NewNamespace("builtin-make");
        Assert.Equal("deployment.apps/web created", await BuiltIn("-n", space, "create", "deployment", "web", "--image=busybox:1", "--", "sh", "-c", "echo hello; exec sleep 100000"));
        Assert.Contains("deployment \"web\" successfully rolled out", await BuiltIn("-n", space, "rollout", "status", "deployment/web", "--timeout=60s"));
        Assert.Equal("deployment.apps/web scaled", await BuiltIn("-n", space, "scale", "deployment/web", "--replicas=2"));
        await BuiltIn("-n", space, "rollout", "status", "deployment/web", "--timeout=60s");
        var pod = (await BuiltIn("-n", space, "get", "pods", "-o", "name")).Split('\n')[0];
        Assert.Equal("hello", await BuiltIn("-n", space, "logs", pod));
        Assert.Equal("from inside", await BuiltIn("-n", space, "exec", pod, "--", "echo", "from inside"));
        Assert.Equal("up and down", (await WithInput("up and down", "-n", space, "exec", "-i", pod, "--", "cat")).Succeeded());
        Assert.Equal(7, (await TryBuiltIn("-n", space, "exec", pod, "--", "sh", "-c", "exit 7")).ExitCode);
        Assert.Equal($"{pod} labeled".Replace("pod/", "pod/"), await BuiltIn("-n", space, "label", pod, "mine=yes"));
        Assert.Equal($"{pod} annotated", await BuiltIn("-n", space, "annotate", pod, "note=of mine"));
        Assert.Equal("yes of mine", await cluster.Kubectl("-n", space, "get", pod, "-o", "jsonpath={.metadata.labels.mine} {.metadata.annotations.note}"));

        Assert.Equal("deployment.apps/web restarted", await BuiltIn("-n", space, "rollout", "restart", "deployment/web"));
        await BuiltIn("-n", space, "rollout", "status", "deployment/web", "--timeout=90s");
        Assert.Equal("deployment.apps/web rolled back", await BuiltIn("-n", space, "rollout", "undo", "deployment/web"));
        await BuiltIn("-n", space, "rollout", "status", "deployment/web", "--timeout=90s");

        const string settings = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1","b":"2"}}""";
        Assert.Equal("configmap/settings created", (await WithInput(settings, "-n", space, "apply", "-f", "-")).Succeeded());
        Assert.Equal("configmap/settings unchanged", (await WithInput(settings, "-n", space, "apply", "-f", "-")).Succeeded());
        Assert.Equal("configmap/settings configured", (await WithInput(settings.Replace(",\"b\":\"2\"", ""), "-n", space, "apply", "-f", "-")).Succeeded());
        Assert.Equal("{\"a\":\"1\"}", await cluster.Kubectl("-n", space, "get", "configmap", "settings", "-o", "jsonpath={.data}"));
        // Each goes on with what the other applied.
        await cluster.KubectlWithInput(settings, "-n", space, "apply", "-f", "-");
        Assert.Equal("configmap/settings unchanged", (await WithInput(settings, "-n", space, "apply", "-f", "-")).Succeeded());
        Assert.Contains("unknown field \"spec.replica\"", (await WithInput(
            """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"bad"},"spec":{"replica":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":"b"}]}}}}""",
            "-n", space, "create", "-f", "-")).Failed());

        Assert.Equal($"deployment.apps \"web\" deleted from {space} namespace", await BuiltIn("-n", space, "delete", "deployment", "web"));
        Assert.Equal($"namespace \"{space}\" deleted", await BuiltIn("delete", "namespace", space));
        Assert.Equal("", await cluster.Kubectl("get", "namespace", space, "--ignore-not-found"));
    }

    [Theory]
    [InlineData("builtin-watch")]
    [InlineData("ordinary-watch")]
    public async Task A_watch_shows_each_change_as_it_comes(string name)
    {
        var space = await cluster.NewNamespace(name);
        string[] words = ["-n", space, "get", "pods", "-w"];
        using var watch = name == "builtin-watch" ? cluster.Host.Start([TestFiles.Bramble, "kubectl", .. words]) : Command.Start(TestFiles.Kubectl, ["--kubeconfig", cluster.Kubeconfig, .. words]);
        var seen = new List<string>();
        async Task See(string words)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            try
            {
                do seen.Add(await watch.StandardOutput.ReadLineAsync(patience.Token) ?? throw new UnexpectedException($"the watch ended: {await watch.StandardError.ReadToEndAsync(patience.Token)}"));
                while (!seen[^1].Contains(words, StringComparison.Ordinal));
            }
            catch (OperationCanceledException)
            {
                throw new UnexpectedException($"no line with {words}; the watch showed:\n{string.Join('\n', seen)}\nand there is\n{await cluster.Kubectl("-n", space, "get", "pods")}");
            }
        }

        await cluster.Kubectl("-n", space, "run", "one", "--image=busybox:1", "--", "sh", "-c", "trap exit TERM; sleep 100000 & wait");
        await See("Running");
        Assert.Equal(["NAME", "READY", "STATUS", "RESTARTS", "AGE"], seen[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        await cluster.Kubectl("-n", space, "delete", "pod", "one", "--wait=false");
        await See("Terminating");
        watch.Kill(entireProcessTree: true);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task The_tools_of_the_runtime_get_the_right_socket()
    {
        (await cluster.Host.Run("mkdir", "-p", "/opt/images")).Succeeded();
        (await Command.Run(Path.Combine(TestFiles.Repository, "tests/images/busybox-image.sh"), ["/tmp/bramble-imported.tar", "docker.io/library/imported:1"])).Succeeded();
        (await cluster.Host.Run(TestFiles.Bramble, "ctr", "images", "import", "/tmp/bramble-imported.tar")).Succeeded();
        Assert.Contains("docker.io/library/imported:1", (await cluster.Host.Run(TestFiles.Bramble, "ctr", "images", "ls", "-q")).Succeeded());
        File.Delete("/tmp/bramble-imported.tar");
        var space = await cluster.NewNamespace("builtin-import");
        await cluster.Kubectl("-n", space, "run", "one", "--image=imported:1", "--image-pull-policy=Never", "--", "sleep", "100000");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/one", "--timeout=60s");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }
}
