using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary>What writing commands share: --dry-run, -o, --validate, --field-manager.</summary>
internal static class WriteOptions
{
    public static readonly Flag[] Flags =
    [
        new("dry-run", ValueIfBare: "client"), new("output", 'o'), new("validate", ValueIfBare: "strict"), new("field-manager"), Flag.Switch("save-config"), new("template"), Flag.Switch("show-managed-fields"),
    ];

    public static bool IsClientDryRun(this Arguments arguments) => arguments.Text("dry-run") is "client" or "true";

    public static bool IsServerDryRun(this Arguments arguments) => arguments.Text("dry-run") == "server";

    /// <summary>The query of a write: field manager, dry run, field validation.</summary>
    public static string Query(this Arguments arguments, string manager)
    {
        var query = $"?fieldManager={Uri.EscapeDataString(arguments.Text("field-manager", manager))}";
        if (arguments.IsServerDryRun()) query += "&dryRun=All";
        var validation = arguments.Text("validate", "strict") switch { "false" or "ignore" => "Ignore", "warn" => "Warn", _ => "Strict" };
        return $"{query}&fieldValidation={validation}";
    }

    /// <summary><c>deployment.apps/web created</c>, or the object in the form -o asks for.</summary>
    public static async Task PrintResultAsync(this KubectlContext context, KnownResource resource, JsonObject obj, string done)
    {
        var output = context.Arguments.Text("output");
        if (output.Length > 0)
        {
            if (!context.Arguments.IsSet("show-managed-fields")) ObjectText.WithoutManagedFields(obj);
            await ObjectPrinter.Of(output, context.Arguments, context.Out).PrintAsync([(resource, obj)], isList: false);
            return;
        }
        var dry = context.Arguments.IsClientDryRun() ? " (dry run)" : context.Arguments.IsServerDryRun() ? " (server dry run)" : "";
        await context.Out.WriteLineAsync($"{resource.QualifiedSingular}/{(string?)obj["metadata"]?["name"]} {done}{dry}");
    }

    public static string NamespaceFor(this KubectlContext context, KnownResource resource, JsonObject obj, string source)
    {
        if (!resource.IsNamespaced) return "";
        var own = (string?)obj["metadata"]?["namespace"];
        if (own is { Length: > 0 } && context.Arguments.Find("namespace") is { } asked && asked != own)
            throw new CommandFailure($"error: the namespace from the provided object \"{own}\" does not match the namespace \"{asked}\". You must pass '--namespace={own}' to perform this operation.");
        return own is { Length: > 0 } ? own : context.Namespace;
    }
}
