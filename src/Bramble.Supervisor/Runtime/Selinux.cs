namespace Bramble.Supervisor.Runtime;

/// <summary>Whether <c>--selinux</c> and the machine agree. As K3s, a node that cannot label its containers says so and runs them all the same.</summary>
internal static class Selinux
{
    private const string Context = "container_runtime_t";

    public static string? Complaint(bool isAskedFor) => Complaint(isAskedFor, Directory.Exists("/sys/fs/selinux/class"),
        File.Exists("/proc/self/attr/current") ? ReadContext() : "");

    /// <param name="context">Of this process: user:role:type:level.</param>
    internal static string? Complaint(bool isAskedFor, bool isEnabled, string context) => (isAskedFor, isEnabled) switch
    {
        (true, false) => "--selinux: SELinux is not enabled on this machine; containers run without labels. Leave the flag out, or enable SELinux in the kernel (selinux=1 security=selinux)",
        (true, true) when context.Split(':') is not [_, _, Context, ..] => $"--selinux: this process does not run as {Context} but as \"{context}\"; the policy k3s-selinux may have to be installed",
        (false, true) => "SELinux is enabled on this machine, but containers run without labels: --selinux gives them some",
        _ => null,
    };

    // Without a security module the file is there and cannot be read.
    private static string ReadContext()
    {
        try
        {
            return File.ReadAllText("/proc/self/attr/current").TrimEnd('\0', '\n');
        }
        catch (IOException)
        {
            return "";
        }
    }
}
