using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>What the runtime is told of a pod's sandbox. Pure but for the host's resolv.conf, read when it is needed.</summary>
internal sealed class SandboxConfigs(KubeletConfig config, PodCgroups cgroups)
{
    private const int HostNameMax = 63;

    public string SeccompRoot => Path.Combine(config.RootDirectory, "seccomp");

    public PodSandboxConfig Of(V1Pod pod, uint attempt)
    {
        var (hostName, domain) = HostName(pod);
        var sandbox = new PodSandboxConfig
        {
            Metadata = new PodSandboxMetadata { Name = pod.Name(), Namespace = pod.Namespace(), Uid = pod.Uid(), Attempt = attempt },
            LogDirectory = LogFolder(pod),
            DnsConfig = PodDns.Decide(pod, HostResolver(), [.. config.ClusterDns.Select(ip => ip.ToString())], config.ClusterDomain),
            Linux = new LinuxPodSandboxConfig
            {
                CgroupParent = cgroups.ParentFor(pod),
                SecurityContext = SecurityContexts.Sandbox(pod, SeccompRoot),
            },
        };
        // On the host's network the host's name is the pod's.
        if (!pod.IsHostNetwork())
            sandbox.Hostname = pod.Spec.SetHostnameAsFQDN == true && domain.Length > 0 ? $"{hostName}.{domain}" : hostName;
        foreach (var (key, value) in pod.Metadata.Labels ?? new Dictionary<string, string>()) sandbox.Labels[key] = value;
        sandbox.Labels[RuntimeLabels.PodName] = pod.Name();
        sandbox.Labels[RuntimeLabels.PodNamespace] = pod.Namespace();
        sandbox.Labels[RuntimeLabels.PodUid] = pod.Uid();
        foreach (var (key, value) in pod.Metadata.Annotations ?? new Dictionary<string, string>()) sandbox.Annotations[key] = value;
        foreach (var sysctl in pod.Spec.SecurityContext?.Sysctls ?? []) sandbox.Linux.Sysctls[sysctl.Name.Replace('/', '.')] = sysctl.Value;
        foreach (var port in pod.Spec.AllContainers().SelectMany(c => c.Container.Ports ?? []))
        {
            sandbox.PortMappings.Add(new PortMapping
            {
                ContainerPort = port.ContainerPort,
                HostPort = port.HostPort ?? 0,
                HostIp = port.HostIP ?? "",
                Protocol = port.Protocol switch { "UDP" => Protocol.Udp, "SCTP" => Protocol.Sctp, _ => Protocol.Tcp },
            });
        }
        return sandbox;
    }

    /// <summary>Folder of a pod's log files: namespace_name_uid.</summary>
    public string LogFolder(V1Pod pod) => Path.Combine(config.PodLogsDirectory, $"{pod.Namespace()}_{pod.Name()}_{pod.Uid()}");

    /// <summary>Host name of a pod and its domain; the domain is empty unless spec.subdomain names a service.</summary>
    public (string HostName, string Domain) HostName(V1Pod pod)
    {
        if (!string.IsNullOrEmpty(pod.Spec.HostnameOverride)) return (pod.Spec.HostnameOverride, "");
        var name = string.IsNullOrEmpty(pod.Spec.Hostname) ? pod.Name() : pod.Spec.Hostname;
        if (name.Length > HostNameMax) name = name[..HostNameMax].TrimEnd('-', '.');
        return (name, string.IsNullOrEmpty(pod.Spec.Subdomain) ? "" : $"{pod.Spec.Subdomain}.{pod.Namespace()}.svc.{config.ClusterDomain}");
    }

    private ResolvConf HostResolver() =>
        config.ResolvConfPath.Length > 0 && File.Exists(config.ResolvConfPath) ? ResolvConf.Parse(File.ReadAllText(config.ResolvConfPath)) : ResolvConf.Empty;
}
