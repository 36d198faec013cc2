using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;
using Bramble.Api.Tables;
using Bramble.Api.Tests.Catalog;

namespace Bramble.Api.Tests.Tables;

public sealed class TablePrinterTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.Parse("2026-11-23T12:00:00Z", CultureInfo.InvariantCulture);
    private static readonly JsonObject Facts = JsonNode.Parse(File.ReadAllText(Path.Combine(ApiCatalogTests.FindFacts(), "table-columns.json")))!.AsObject();

    public static TheoryData<string> Resources => [.. Facts.Select(f => f.Key).Where(k => !k.Contains("example.com", StringComparison.Ordinal))];

    /// <summary>Ages in the facts are of the moment of recording: the printer is told that moment was the object's creation.</summary>
    [Theory]
    [MemberData(nameof(Resources))]
    public void Columns_and_cells_are_upstreams(string key)
    {
        var parts = key.Split('/');
        var resource = (parts.Length == 2 ? ApiCatalog.BuiltIn.Find("", parts[0], parts[1]) : ApiCatalog.BuiltIn.Find(parts[0], parts[1], parts[2]))!;
        var printer = TablePrinter.For(resource.GroupVersionKind);
        var columns = Facts[key]!["columns"]!.AsArray().Select(c => $"{c!["name"]}|{c["type"]}|{c["format"]}|{c["priority"]}");
        Assert.Equal(columns, printer.Columns.Select(c => $"{c.Name}|{c.Type}|{c.Format}|{c.Priority}"));
        foreach (var example in Facts[key]!["examples"]!.AsArray())
        {
            var tree = example!["object"]!.DeepClone().AsObject();
            tree["kind"] ??= resource.Kind;
            tree["apiVersion"] ??= resource.GroupVersion.ToString();
            // A controller moved the recorded volume on between its object and its cells.
            if (resource.Kind == "PersistentVolume") tree["status"]!["phase"] = (string?)example["cells"]![4];
            if (resource.StorageKind != resource.GroupVersionKind) KindConversion.Convert(tree, resource.StorageKind);
            var created = DateTimeOffset.Parse((string?)tree["metadata"]!["creationTimestamp"] ?? "2026-11-23T00:00:00Z", CultureInfo.InvariantCulture);
            Assert.Equal(WithoutAges(example["cells"]!.ToJsonString()), WithoutAges(printer.Cells(tree, created).ToJsonString()));
        }
    }

    [Theory]
    [InlineData(-5, "<invalid>")]
    [InlineData(-1.5, "0s")]
    [InlineData(119, "119s")]
    [InlineData(120, "2m")]
    [InlineData(125, "2m5s")]
    [InlineData(600, "10m")]
    [InlineData(3 * 3600, "3h")]
    [InlineData((3 * 3600) + 60, "3h1m")]
    [InlineData(47 * 3600, "47h")]
    [InlineData(50 * 3600, "2d2h")]
    [InlineData(8 * 86400, "8d")]
    [InlineData(365L * 2 * 86400, "2y")]
    [InlineData(400L * 2 * 86400, "2y70d")]
    [InlineData(365L * 9 * 86400, "9y")]
    public void Ages_have_two_or_three_figures(double seconds, string text) => Assert.Equal(text, HumanDuration.Format(TimeSpan.FromSeconds(seconds)));

    public static TheoryData<string, string, string> Pods => new()
    {
        { "waiting says why", """{"containerStatuses":[{"ready":false,"restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-23T11:59:00Z"}}}],"phase":"Running"}""", "0/1 CrashLoopBackOff 2 (60s ago)" },
        { "an exit without a reason shows its code", """{"containerStatuses":[{"restartCount":0,"state":{"terminated":{"exitCode":3}}}],"phase":"Failed"}""", "0/1 ExitCode:3 0" },
        { "a signal", """{"containerStatuses":[{"restartCount":0,"state":{"terminated":{"exitCode":137,"signal":9}}}],"phase":"Failed"}""", "0/1 Signal:9 0" },
        { "running and ready", """{"containerStatuses":[{"ready":true,"restartCount":0,"state":{"running":{}}}],"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}""", "1/1 Running 0" },
        { "a failed init container", """{"initContainerStatuses":[{"name":"i","restartCount":1,"state":{"terminated":{"exitCode":1,"reason":"Error"}}}],"phase":"Pending"}""", "0/1 Init:Error 1" },
        { "init containers still to come", """{"initContainerStatuses":[{"name":"i","restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}}],"phase":"Pending"}""", "0/1 Init:0/1 0" },
        { "a gated pod", """{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]}""", "0/1 SchedulingGated 0" },
        { "completed beside running", """{"containerStatuses":[{"restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}},{"ready":true,"restartCount":0,"state":{"running":{}}}],"phase":"Running"}""", "1/1 NotReady 0" },
    };

    [Theory]
    [MemberData(nameof(Pods))]
    public void The_status_of_a_pod_says_what_matters(string name, string status, string shown)
    {
        Assert.NotEmpty(name);
        var pod = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "p" },
            ["spec"] = JsonNode.Parse("""{"containers":[{"name":"c"}],"initContainers":[{"name":"i"}]}"""),
            ["status"] = JsonNode.Parse(status),
        };
        var cells = TablePrinter.For(new GroupVersionKind("", "v1", "Pod")).Cells(pod, Now);
        Assert.Equal(shown, $"{cells[1]} {cells[2]} {cells[3]}");
    }

    [Fact]
    public void A_table_carries_metadata_of_its_objects()
    {
        var pod = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","creationTimestamp":"2026-11-23T11:59:00Z"},"data":{"x":"1"}}"""u8.ToArray();
        var table = Write(TablePrinter.For(new("", "v1", "ConfigMap")), new("", "v1", "ConfigMap"), [pod], new TableQuery());
        Assert.Equal("""{"resourceVersion":"7","continue":"c","remainingItemCount":3}""", table["metadata"]!.ToJsonString());
        Assert.Equal(
            """{"cells":["a",1,"60s"],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","creationTimestamp":"2026-11-23T11:59:00Z"}}}""",
            table["rows"]![0]!.ToJsonString());
        Assert.Equal("null", Write(TablePrinter.For(new("", "v1", "ConfigMap")), default, [pod], new TableQuery(Include: IncludedObject.None))["rows"]![0]!["object"]?.ToJsonString() ?? "null");
    }

    [Theory]
    [InlineData(".spec.size", "integer", "3")]
    [InlineData(".spec.missing", "string", "null")]
    [InlineData(".status.conditions[?(@.type==\"Ready\")].status", "string", "\"True\"")]
    [InlineData(".status.conditions[1].status", "string", "\"False\"")]
    [InlineData(".status.conditions[*].type", "string", "\"Ready\"")]
    [InlineData(".metadata.creationTimestamp", "date", "\"60s\"")]
    [InlineData(".status.day", "date", "\"\\u003Cinvalid\\u003E\"")]
    [InlineData(".metadata.labels.a\\.b/c", "string", "\"l\"")]
    [InlineData(".spec.size", "string", "\"3\"")]
    [InlineData(".spec", "string", "\"{\\u0022ratio\\u0022:0.00001,\\u0022size\\u0022:3}\"")]
    [InlineData(".spec.size", "boolean", "null")]
    [InlineData(".spec.ratio", "string", "\"1e-05\"")]
    [InlineData(".spec.ratio", "integer", "0")]
    [InlineData(".status.conditions[*]", "integer", "null")]
    [InlineData(".spec.[", "string", "null")]
    public void Custom_columns_find_their_value(string path, string type, string cell)
    {
        var obj = JsonNode.Parse("""
            {"metadata":{"name":"t","creationTimestamp":"2026-11-23T11:59:00Z","labels":{"a.b/c":"l"}},"spec":{"size":3,"ratio":0.00001},
            "status":{"day":"2026-11-23","conditions":[{"type":"Ready","status":"True"},{"type":"Ok","status":"False"}]}}
            """)!.AsObject();
        var printer = TablePrinter.ForCustom([new JsonObject { ["name"] = "X", ["type"] = type, ["jsonPath"] = path }]);
        Assert.Equal(cell, printer.Cells(obj, Now)[1]?.ToJsonString() ?? "null");
    }

    private static JsonObject Write(TablePrinter printer, GroupVersionKind kind, IReadOnlyList<ReadOnlyMemory<byte>> objects, TableQuery query)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) TableWriter.Write(writer, printer, kind, objects, new TableMetadata("7", "c", 3), query, Now);
        return JsonNode.Parse(Encoding.UTF8.GetString(stream.ToArray()))!.AsObject();
    }

    private static string WithoutAges(string cells) => System.Text.RegularExpressions.Regex.Replace(cells, "\"(\\d+[smhdy])+\"|\"<invalid>\"", "\"<age>\"");
}
