using System.Text.RegularExpressions;

namespace Bramble.ApiServer.Strategies;

/// <summary>The tag an image reference stands for (grammar of the distribution project's reference, normalised as Docker does).</summary>
internal static partial class ImageReference
{
    /// <summary>The tag; <c>latest</c> when there is neither tag nor digest; empty when there is only a digest or the reference is malformed.</summary>
    public static string Tag(string image)
    {
        // An image id (64 hex digits) is no name.
        if (ImageId().IsMatch(image)) return "";
        var slash = image.IndexOf('/');
        var first = slash < 0 ? "" : image[..slash];
        var hasDomain = slash >= 0 && (first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first.Any(char.IsAsciiLetterUpper));
        if (hasDomain && !Domain().IsMatch(first)) return "";
        var match = Path().Match(hasDomain ? image[(slash + 1)..] : image);
        if (!match.Success) return "";
        if (match.Groups["tag"].Success) return match.Groups["tag"].Value;
        return match.Groups["digest"].Success ? "" : "latest";
    }

    /// <summary>Always for <c>latest</c>, else IfNotPresent.</summary>
    public static string DefaultPullPolicy(string image) => Tag(image) == "latest" ? "Always" : "IfNotPresent";

    [GeneratedRegex("^[a-f0-9]{64}\\z")]
    private static partial Regex ImageId();

    [GeneratedRegex("^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?\\z")]
    private static partial Regex Domain();

    [GeneratedRegex("^(?<name>[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
        + "(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?\\z")]
    private static partial Regex Path();
}
