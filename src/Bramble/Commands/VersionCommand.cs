using System.Runtime.InteropServices;

namespace Bramble.Commands;

/// <summary><c>k3s --version</c> and <c>bramble version</c>.</summary>
internal static class VersionCommand
{
    /// <summary>The two lines tools expect.</summary>
    public static Task<int> RunAsync()
    {
        Console.Out.WriteLine($"k3s version {Product.KubernetesVersion} ({Product.Commit})");
        // Where K3s names Go, we name what this is built with; parsers read the first line only.
        Console.Out.WriteLine($"dotnet version {Environment.Version}");
        return Task.FromResult(ExitCode.Ok);
    }

    public static async Task<int> RunOwnAsync()
    {
        await RunAsync();
        Console.Out.WriteLine($"bramble version {Product.OwnVersion} {RuntimeInformation.RuntimeIdentifier}");
        return ExitCode.Ok;
    }
}
