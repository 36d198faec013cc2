using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Kubectl.Output;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl get</c>: tables made by the server, or the objects themselves in other forms.</summary>
internal sealed class GetCommand(KubectlContext context)
{
    public static readonly Flag[] Flags =
    [
        new("output", 'o'), new("selector", 'l'), new("field-selector"), new("label-columns", 'L'), new("sort-by"), new("chunk-size"), new("filename", 'f'), new("template"),
        Flag.Switch("all-namespaces", 'A'), Flag.Switch("watch", 'w'), Flag.Switch("watch-only"), Flag.Switch("no-headers"), Flag.Switch("show-labels"), Flag.Switch("show-kind"),
        Flag.Switch("show-managed-fields"), Flag.Switch("ignore-not-found"), Flag.Switch("output-watch-events"), new("raw"), new("subresource"), Flag.Switch("recursive", 'R'),
    ];

    private const string TableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

    private readonly Arguments _arguments = context.Arguments;
    private readonly TextTable _widths = new();
    private bool _headersDone;
    private JsonArray? _columns;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        if (_arguments.Find("raw") is { } raw)
        {
            using var answer = await context.Api.OpenAsync(HttpMethod.Get, raw, null, "", "application/json", HttpCompletionOption.ResponseContentRead, cancel);
            await context.Out.WriteAsync(await answer.Content.ReadAsStringAsync(cancel));
            return 0;
        }
        var mapper = await context.MapperAsync(cancel);
        IReadOnlyList<ResourceArgument> wanted;
        if (_arguments.All("filename") is { Count: > 0 } files)
            wanted = Manifests.Read(files, _arguments.IsSet("recursive")).Select(m => new ResourceArgument(mapper.OfObject(m.Object, m.Source), (string?)m.Object["metadata"]?["name"])).ToList();
        else if (_arguments.Words.Count == 0)
            throw new CommandFailure("error: Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).\nSee 'kubectl get -h' for help and examples");
        else
            wanted = ResourceArguments.Parse(mapper, _arguments.Words);
        if (wanted.Any(w => w.Name is not null) && context.IsForAllNamespaces && wanted[0].Resource.IsNamespaced)
            throw new CommandFailure("error: a resource cannot be retrieved by name across all namespaces");
        var output = _arguments.Text("output");
        if (_arguments.IsSet("watch") || _arguments.IsSet("watch-only")) return await WatchAsync(wanted, output, cancel);
        return output is "" or "wide" ? await TablesAsync(wanted, output == "wide", cancel) : await ObjectsAsync(wanted, output, cancel);
    }

    private string Path(ResourceArgument wanted, params (string Name, string? Value)[] extra)
    {
        var path = wanted.Resource.Path(context.NamespaceOf(wanted.Resource), wanted.Name, _arguments.Find("subresource"));
        var query = new List<string>();
        if (wanted.Name is null)
        {
            if (_arguments.Find("selector") is { } labels) query.Add("labelSelector=" + Uri.EscapeDataString(labels));
            if (_arguments.Find("field-selector") is { } fields) query.Add("fieldSelector=" + Uri.EscapeDataString(fields));
        }
        foreach (var (name, value) in extra)
            if (value is not null) query.Add($"{name}={Uri.EscapeDataString(value)}");
        return query.Count == 0 ? path : $"{path}?{string.Join('&', query)}";
    }

    private async Task<int> TablesAsync(IReadOnlyList<ResourceArgument> wanted, bool isWide, CancellationToken cancel)
    {
        var includeObject = _arguments.Find("sort-by") is not null ? "Object" : null;
        var failed = false;
        var tables = new List<(KnownResource Resource, JsonObject Table)>();
        foreach (var group in wanted)
        {
            try
            {
                var table = await context.Api.GetAsync(Path(group, ("includeObject", includeObject), ("limit", group.Name is null ? "500" : null)), cancel, TableAccept);
                while (table["metadata"]?["continue"]?.ToString() is { Length: > 0 } next && table["rows"] is JsonArray rows)
                {
                    var more = await context.Api.GetAsync(Path(group, ("includeObject", includeObject), ("limit", "500"), ("continue", next)), cancel, TableAccept);
                    foreach (var row in (more["rows"] as JsonArray ?? []).ToArray()) rows.Add(row!.DeepClone());
                    table["metadata"] = more["metadata"]?.DeepClone();
                }
                if (tables.Count > 0 && tables[^1].Resource == group.Resource && group.Name is not null)
                    foreach (var row in table["rows"]!.AsArray()) tables[^1].Table["rows"]!.AsArray().Add(row!.DeepClone());
                else
                    tables.Add((group.Resource, table));
            }
            catch (StatusException refused) when (wanted.Count > 1 || (refused.IsNotFound && _arguments.IsSet("ignore-not-found")))
            {
                if (refused.IsNotFound && _arguments.IsSet("ignore-not-found")) continue;
                await context.Error.WriteLineAsync(KubectlCommand.Message(refused));
                failed = true;
            }
        }
        var showsKind = _arguments.IsSet("show-kind") || wanted.Select(w => w.Resource.QualifiedPlural).Distinct().Count() > 1;
        var isFirst = true;
        foreach (var (resource, table) in tables.Where(t => t.Table["rows"] is JsonArray { Count: > 0 }))
        {
            if (!isFirst) await context.Out.WriteLineAsync();
            isFirst = false;
            var lines = Lines(resource, table, isWide, showsKind, withHeaders: !_arguments.IsSet("no-headers"));
            await context.Out.WriteAsync(new TextTable().Format(lines));
        }
        if (isFirst && !failed && tables.Count > 0 && !_arguments.IsSet("ignore-not-found"))
        {
            var isNamespaced = tables.Any(t => t.Resource.IsNamespaced) && !context.IsForAllNamespaces;
            await context.Error.WriteLineAsync(isNamespaced ? $"No resources found in {context.Namespace} namespace." : "No resources found");
        }
        return failed ? 1 : 0;
    }

    private List<IReadOnlyList<string>> Lines(KnownResource resource, JsonObject table, bool isWide, bool showsKind, bool withHeaders)
    {
        var columns = (table["columnDefinitions"] as JsonArray ?? []).Select((c, i) => (Name: (string?)c?["name"] ?? "", Priority: (int?)c?["priority"] ?? 0, Index: i))
            .Where(c => isWide || c.Priority == 0).ToList();
        var labels = _arguments.All("label-columns").SelectMany(l => l.Split(',')).ToList();
        var lines = new List<IReadOnlyList<string>>();
        if (withHeaders)
        {
            var header = columns.Select(c => c.Name.ToUpperInvariant()).ToList();
            if (context.IsForAllNamespaces && resource.IsNamespaced) header.Insert(0, "NAMESPACE");
            header.AddRange(labels.Select(l => l.Split('/')[^1].ToUpperInvariant()));
            if (_arguments.IsSet("show-labels")) header.Add("LABELS");
            lines.Add(header);
        }
        var rows = (table["rows"] as JsonArray ?? []).Select(r => r!.AsObject()).ToList();
        if (_arguments.Find("sort-by") is { } sortBy) rows = Sort(rows, JsonPath.ParseRelaxed(sortBy), r => r["object"]);
        foreach (var row in rows)
        {
            var cells = row["cells"] as JsonArray ?? [];
            var line = columns.Select(c => c.Index < cells.Count ? Cell(cells[c.Index]) : "").ToList();
            var metadata = row["object"]?["metadata"] as JsonObject;
            if (showsKind && line.Count > 0) line[0] = $"{resource.QualifiedSingular}/{line[0]}";
            if (context.IsForAllNamespaces && resource.IsNamespaced) line.Insert(0, (string?)metadata?["namespace"] ?? "");
            line.AddRange(labels.Select(l => (string?)metadata?["labels"]?[l] ?? ""));
            if (_arguments.IsSet("show-labels")) line.Add(Labels(metadata));
            lines.Add(line);
        }
        return lines;
    }

    private static string Cell(JsonNode? cell) => cell is null ? "<none>" : cell.GetValueKind() == JsonValueKind.String ? cell.GetValue<string>().Split('\n')[0] : cell.ToJsonString();

    private static string Labels(JsonObject? metadata) => metadata?["labels"] is JsonObject { Count: > 0 } labels
        ? string.Join(',', labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"))
        : "<none>";

    private static List<T> Sort<T>(List<T> items, JsonPath path, Func<T, JsonNode?> of) where T : class =>
        items.Select(i => (Item: i, Value: path.Find(of(i)) is { Count: > 0 } found ? found[0] : null)).OrderBy(p => p.Value, ValueOrder.Instance).Select(p => p.Item).ToList();

    private sealed class ValueOrder : IComparer<JsonNode?>
    {
        public static readonly ValueOrder Instance = new();

        public int Compare(JsonNode? a, JsonNode? b)
        {
            if (a is null || b is null) return a is null ? (b is null ? 0 : -1) : 1;
            if (a.GetValueKind() == JsonValueKind.Number && b.GetValueKind() == JsonValueKind.Number)
                return double.Parse(a.ToJsonString(), null).CompareTo(double.Parse(b.ToJsonString(), null));
            return string.CompareOrdinal(JsonPath.Show(a), JsonPath.Show(b));
        }
    }

    private async Task<int> ObjectsAsync(IReadOnlyList<ResourceArgument> wanted, string output, CancellationToken cancel)
    {
        var printer = ObjectPrinter.Of(output, _arguments, context.Out);
        var items = new List<(KnownResource Resource, JsonObject Object)>();
        var failed = false;
        JsonNode? listMetadata = null;
        foreach (var one in wanted)
        {
            try
            {
                var answer = await context.Api.GetAsync(Path(one), cancel);
                if (one.Name is not null)
                {
                    items.Add((one.Resource, answer));
                    continue;
                }
                listMetadata = answer["metadata"];
                foreach (var item in (answer["items"] as JsonArray ?? []).ToArray())
                {
                    var obj = (JsonObject)item!.DeepClone();
                    if (!obj.ContainsKey("kind")) obj["kind"] = one.Resource.Kind;
                    if (!obj.ContainsKey("apiVersion")) obj["apiVersion"] = one.Resource.ApiVersion;
                    items.Add((one.Resource, obj));
                }
            }
            catch (StatusException refused) when (refused.IsNotFound && _arguments.IsSet("ignore-not-found"))
            {
                // Asked for: a missing object is no failure.
            }
            catch (StatusException refused) when (wanted.Count > 1)
            {
                await context.Error.WriteLineAsync(KubectlCommand.Message(refused));
                failed = true;
            }
        }
        if (items.Count == 0 && _arguments.IsSet("ignore-not-found")) return 0;
        if (_arguments.Find("sort-by") is { } sortBy)
        {
            var path = JsonPath.ParseRelaxed(sortBy);
            items = items.Select(i => (i, Value: path.Find(i.Object) is { Count: > 0 } found ? found[0] : null)).OrderBy(p => p.Value, ValueOrder.Instance).Select(p => p.i).ToList();
        }
        if (!_arguments.IsSet("show-managed-fields"))
            foreach (var (_, obj) in items) ObjectText.WithoutManagedFields(obj);
        var isList = wanted.Count != 1 || wanted[0].Name is null;
        await printer.PrintAsync(items, isList);
        return failed ? 1 : 0;
    }

    private async Task<int> WatchAsync(IReadOnlyList<ResourceArgument> wanted, string output, CancellationToken cancel)
    {
        if (wanted.Select(w => w.Resource).Distinct().Count() != 1) throw new CommandFailure("error: you may only specify a single resource type");
        var resource = wanted[0].Resource;
        var name = wanted[0].Name;
        var isTable = output is "" or "wide";
        var all = new ResourceArgument(resource, null);
        // A single object is watched as a list of one.
        var only = name is null ? null : $"metadata.name={name}";
        var list = await context.Api.GetAsync(name is null ? Path(all) : Path(wanted[0]), cancel, isTable ? TableAccept : "application/json");
        if (!_arguments.IsSet("watch-only"))
        {
            if (isTable)
            {
                await WriteRowsAsync(resource, list, output == "wide");
            }
            else
            {
                var shown = name is null ? list["items"] as JsonArray ?? [] : [list.DeepClone()];
                foreach (var item in shown.ToArray()) await PrintOneAsync(resource, (JsonObject)item!.DeepClone(), output);
            }
        }
        var version = (string?)list["metadata"]?["resourceVersion"] ?? (string?)list["rows"]?[0]?["object"]?["metadata"]?["resourceVersion"];
        using var answer = await context.Api.OpenAsync(
            HttpMethod.Get,
            Path(all, ("watch", "true"), ("resourceVersion", version), ("fieldSelector", only)),
            null,
            "",
            isTable ? TableAccept : "application/json",
            HttpCompletionOption.ResponseHeadersRead,
            cancel);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancel), Encoding.UTF8);
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (JsonNode.Parse(line) is not JsonObject change || change["object"] is not JsonObject obj) continue;
            var type = (string?)change["type"];
            if (type == "BOOKMARK") continue;
            if (type == "ERROR") throw new CommandFailure($"error: {(string?)obj["message"]}");
            if (isTable) await WriteRowsAsync(resource, obj, output == "wide");
            else await PrintOneAsync(resource, (JsonObject)obj.DeepClone(), output);
            await context.Out.FlushAsync(cancel);
        }
        return 0;
    }

    private async Task WriteRowsAsync(KnownResource resource, JsonObject table, bool isWide)
    {
        var withHeaders = !_headersDone && !_arguments.IsSet("no-headers");
        // The columns are told once in a watch; what follows has rows only.
        if (table["columnDefinitions"] is JsonArray { Count: > 0 } told) _columns = told;
        else table["columnDefinitions"] = _columns?.DeepClone();
        if (table["rows"] is not JsonArray { Count: > 0 }) return;
        _headersDone = true;
        await context.Out.WriteAsync(_widths.Format(Lines(resource, table, isWide, _arguments.IsSet("show-kind"), withHeaders)));
    }

    private async Task PrintOneAsync(KnownResource resource, JsonObject obj, string output)
    {
        if (!_arguments.IsSet("show-managed-fields")) ObjectText.WithoutManagedFields(obj);
        if (output == "yaml") await context.Out.WriteLineAsync("---");
        await ObjectPrinter.Of(output, _arguments, context.Out).PrintAsync([(resource, obj)], isList: false);
    }
}
