namespace Bramble.Controllers.LocalPath;

/// <summary>The provisioner of local volumes.</summary>
/// <param name="DefaultPath">Where volumes lie when the ConfigMap local-path-config is gone.</param>
public sealed record LocalPathSettings(string DefaultPath, INodeFolders Folders);
