using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Requests;

namespace Bramble.ApiServer.Verbs;

/// <summary>Reading and checking of the query options of writes; messages of apimachinery's meta/v1 validation.</summary>
internal static class RequestOptions
{
    public static StatusException Invalid(string optionsKind, FieldErrors errors) =>
        StatusErrors.Invalid(new GroupVersionKind("meta.k8s.io", "v1", optionsKind), "", errors);

    public static long? Long(QueryParameters query, string name)
    {
        if (query.Find(name) is not { } text) return null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)) return number;
        var isTooBig = text.AsSpan().TrimStart("+-").IndexOfAnyExceptInRange('0', '9') < 0 && text.AsSpan().TrimStart("+-").Length > 0;
        throw StatusErrors.BadRequest($"strconv.ParseInt: parsing {FieldError.Quote(text)}: {(isTooBig ? "value out of range" : "invalid syntax")}");
    }

    public static bool? Bool(QueryParameters query, string name) => query.Find(name) is null ? null : query.IsTrue(name);

    public static void DryRun(IReadOnlyList<string> values, FieldErrors errors)
    {
        if (values.All(v => v == "All")) return;
        errors.NotSupported("dryRun", Metadata.ToArray(values), ["All"]);
    }

    public static void FieldManager(string manager, string field, FieldErrors errors)
    {
        if (Encoding.UTF8.GetByteCount(manager) > 128) errors.TooLong(field, 128);
        var at = 0;
        foreach (var rune in manager.EnumerateRunes())
        {
            if (!IsPrintable(rune)) errors.Invalid(field, manager, $"invalid character {Show(rune)} (at position {at})");
            at += rune.Utf8SequenceLength;
        }
    }

    public static void Validation(string value, FieldErrors errors)
    {
        if (value is not ("" or "Ignore" or "Warn" or "Strict")) errors.NotSupported("fieldValidation", value, ["", "Ignore", "Strict", "Warn"]);
    }

    /// <summary>Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.</summary>
    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>Go's %#U: the code point, and the character where it can be printed.</summary>
    private static string Show(Rune rune) => $"U+{rune.Value.ToString("X4", CultureInfo.InvariantCulture)}" + (IsPrintable(rune) ? $" '{rune}'" : "");
}

/// <summary>CreateOptions, UpdateOptions and PatchOptions: what a write's query says.</summary>
internal sealed record WriteOptions(string Kind, bool IsDryRun, string Manager, FieldValidation Validation, bool? Force, JsonObject Tree)
{
    /// <param name="kind">CreateOptions, UpdateOptions or PatchOptions.</param>
    public static WriteOptions Read(string kind, ApiRequest request, bool isApply = false)
    {
        var query = request.Query;
        var dryRun = query.All("dryRun").ToList();
        var manager = query["fieldManager"];
        var validation = query["fieldValidation"];
        var force = kind == "PatchOptions" ? RequestOptions.Bool(query, "force") : null;
        var errors = new FieldErrors();
        if (isApply && manager.Length == 0) errors.Required("fieldManager", "is required for apply patch");
        if (kind == "PatchOptions" && !isApply && force is not null) errors.Forbidden("force", "may not be specified for non-apply patch");
        RequestOptions.FieldManager(manager, "fieldManager", errors);
        RequestOptions.DryRun(dryRun, errors);
        RequestOptions.Validation(validation, errors);
        if (errors.Count > 0) throw RequestOptions.Invalid(kind, errors);
        var tree = new JsonObject { ["kind"] = kind, ["apiVersion"] = "meta.k8s.io/v1" };
        if (dryRun.Count > 0) tree["dryRun"] = Metadata.ToArray(dryRun);
        if (force is { } isForced) tree["force"] = isForced;
        if (manager.Length > 0) tree["fieldManager"] = manager;
        if (validation.Length > 0) tree["fieldValidation"] = validation;
        var mode = validation switch { "Ignore" => FieldValidation.Ignore, "Strict" => FieldValidation.Strict, _ => FieldValidation.Warn };
        return new WriteOptions(kind, dryRun.Count > 0, ManagerOrAgent(manager, request.UserAgent), mode, force, tree);
    }

    /// <summary>The options of a create or an update that a patch turns into.</summary>
    public JsonObject TreeAs(string kind)
    {
        var tree = (JsonObject)Tree.DeepClone();
        tree["kind"] = kind;
        tree.Remove("force");
        return tree;
    }

    /// <summary>The field manager: as named, else the user agent up to its first slash, printable characters only, at most 128 bytes.</summary>
    private static string ManagerOrAgent(string manager, string agent)
    {
        if (manager.Length > 0) return manager;
        var prefix = agent.Split('/')[0];
        var printable = new StringBuilder();
        foreach (var rune in prefix.EnumerateRunes())
        {
            if (rune.Value < ' ' || rune.Value == 127) continue;
            if (printable.Length + rune.Utf8SequenceLength > 128) break;
            printable.Append(rune.ToString());
        }
        return printable.ToString();
    }
}
