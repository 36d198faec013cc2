using System.Reflection;

namespace Bramble;

/// <summary>What this program says it is. Tools (k3sup, Ansible roles, Rancher) parse the first line of <c>k3s --version</c>.</summary>
internal static class Product
{
    /// <summary>The version whose behaviour, API and files this program has.</summary>
    public const string KubernetesVersion = "v1.36.2+k3s1";

    /// <summary>Our own.</summary>
    public static string OwnVersion =>
        typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>The commit it was built from, whole; zeroes when it was not built from a repository.</summary>
    public static string FullCommit => OwnVersion.Split('+') is [_, { Length: 40 } commit] ? commit : new string('0', 40);

    /// <summary>Time of that commit, as <c>/version</c> writes it.</summary>
    public static string BuildDate =>
        typeof(Product).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(a => a.Key == "BuildDate")?.Value ?? "1970-01-01T00:00:00Z";

    /// <summary>Eight hex characters of the commit, as K3s prints behind its version.</summary>
    public static string Commit => OwnVersion.Split('+') is [_, { Length: >= 8 } commit] ? commit[..8] : "00000000";
}
