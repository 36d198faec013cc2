namespace Bramble.IntegrationTests.Support;

/// <summary>Where the binary under test, the real clients and the images are. test.sh prepares them; BRAMBLE_BINARY names another binary.</summary>
internal static class TestFiles
{
    public static string Repository { get; } = FindRepository();

    public static string Bramble { get; } = Required(Environment.GetEnvironmentVariable("BRAMBLE_BINARY") ?? Path.Combine(Repository, "artifacts/publish/linux-x64/bramble"), "dotnet publish src/Bramble -c Release -r linux-x64 -o artifacts/publish/linux-x64");

    public static string Kubectl { get; } = Required(Path.Combine(Repository, "artifacts/clients/kubectl"), "tests/clients.sh artifacts/clients");

    public static string Helm { get; } = Required(Path.Combine(Repository, "artifacts/clients/helm"), "tests/clients.sh artifacts/clients");

    public static string BusyboxImage { get; } = Required(Path.Combine(Repository, "artifacts/images/busybox.tar"), "tests/images/busybox-image.sh artifacts/images/busybox.tar");

    public static string HostScript { get; } = Path.Combine(Repository, "tests/hosts/host.sh");

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bramble.slnx")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"no Bramble.slnx above {AppContext.BaseDirectory}");
        }
        return folder.FullName;
    }

    private static string Required(string path, string how) => File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing; make it with: {how}");
}
