using System.Globalization;
using System.Text;

namespace Bramble.Supervisor.Runtime;

/// <summary>What Bramble's containerd is told. <c>Version</c>: of the installed containerd; 2.x reads another format.</summary>
public sealed record ContainerdSettings(
    Version Version,
    string Root,
    string State,
    string Address,
    string OptPath,
    string SandboxImage,
    string Snapshotter,
    string CniBinDir,
    string CniConfDir,
    string RegistryConfigPath,
    bool UsesSystemdCgroup,
    bool RestrictsOomScore,
    bool DisablesAppArmor,
    bool DeviceOwnershipFromSecurityContext,
    int StreamPort,
    string? CrunPath,
    bool EnablesSelinux,
    IReadOnlyList<RegistryAuth> RegistryAuths);

/// <summary>containerd's config.toml: format 2 for 1.6 and 1.7, format 3 for 2.x.</summary>
public static class ContainerdConfig
{
    public static string Render(ContainerdSettings settings)
    {
        var text = new StringBuilder(2048);
        var isV3 = settings.Version.Major >= 2;
        text.Append("# Written by Bramble at every start.\n");
        text.Append("version = ").Append(isV3 ? 3 : 2).Append('\n');
        Pair("root", settings.Root);
        Pair("state", settings.State);
        if (settings.RestrictsOomScore) text.Append("oom_score = 0\n");
        Table("grpc");
        Pair("address", settings.Address);
        Table("plugins.\"io.containerd.internal.v1.opt\"");
        Pair("path", settings.OptPath);

        var cri = "plugins.\"io.containerd.grpc.v1.cri\"";
        var images = isV3 ? "plugins.\"io.containerd.cri.v1.images\"" : cri;
        var runtime = isV3 ? "plugins.\"io.containerd.cri.v1.runtime\"" : cri;
        Table(cri);
        Pair("stream_server_address", "127.0.0.1");
        Pair("stream_server_port", settings.StreamPort.ToString(CultureInfo.InvariantCulture));
        if (!isV3) RuntimeSettings();
        if (isV3)
        {
            Table(runtime);
            RuntimeSettings();
            Table($"{images}.pinned_images");
            Pair("sandbox", settings.SandboxImage);
            Table(images);
            Pair("snapshotter", settings.Snapshotter);
            Flag("disable_snapshot_annotations", true);
            Flag("use_local_image_pull", true);
        }
        else
        {
            Pair("sandbox_image", settings.SandboxImage);
            Table($"{runtime}.containerd");
            Pair("snapshotter", settings.Snapshotter);
            Flag("disable_snapshot_annotations", true);
        }
        Table($"{runtime}.containerd.runtimes.runc");
        Pair("runtime_type", "io.containerd.runc.v2");
        Table($"{runtime}.containerd.runtimes.runc.options");
        Flag("SystemdCgroup", settings.UsesSystemdCgroup);
        if (settings.CrunPath is { } crun)
        {
            Table($"{runtime}.containerd.runtimes.crun");
            Pair("runtime_type", "io.containerd.runc.v2");
            Table($"{runtime}.containerd.runtimes.crun.options");
            Pair("BinaryName", crun);
            Flag("SystemdCgroup", settings.UsesSystemdCgroup);
        }
        Table($"{runtime}.cni");
        if (isV3) text.Append("bin_dirs = [").Append(Toml.Quote(settings.CniBinDir)).Append("]\n");
        else Pair("bin_dir", settings.CniBinDir);
        Pair("conf_dir", settings.CniConfDir);
        Table($"{images}.registry");
        Pair("config_path", settings.RegistryConfigPath);
        foreach (var auth in settings.RegistryAuths)
        {
            Table($"{images}.registry.configs.{Toml.Quote(auth.Host)}.auth");
            foreach (var (key, value) in new[] { ("username", auth.Username), ("password", auth.Password), ("auth", auth.Auth), ("identitytoken", auth.IdentityToken) })
                if (value.Length > 0) Pair(key, value);
        }
        return text.ToString();

        void RuntimeSettings()
        {
            Flag("enable_selinux", settings.EnablesSelinux);
            Flag("enable_unprivileged_ports", true);
            Flag("enable_unprivileged_icmp", true);
            Flag("restrict_oom_score_adj", settings.RestrictsOomScore);
            Flag("disable_apparmor", settings.DisablesAppArmor);
            Flag("device_ownership_from_security_context", settings.DeviceOwnershipFromSecurityContext);
            // The devices of ResourceClaims. 1.6 does not know it, 2.x has it on.
            if (settings.Version is { Major: 1, Minor: >= 7 }) Flag("enable_cdi", true);
        }

        void Table(string name) => text.Append("\n[").Append(name).Append("]\n");
        void Pair(string key, string value) => text.Append(key).Append(" = ").Append(Toml.Quote(value)).Append('\n');
        void Flag(string key, bool value) => text.Append(key).Append(" = ").Append(value ? "true" : "false").Append('\n');
    }

}
