namespace Bramble.Controllers.LocalPath;

/// <summary>Folders on nodes. K3s starts helper Pods for this; here a server asks the node's kubelet.</summary>
public interface INodeFolders
{
    /// <summary>Makes the folder, for everybody to write to, in a parent that only root may enter. It being there is fine.</summary>
    Task MakeAsync(string node, string path, CancellationToken cancel);

    /// <summary>Removes the folder with all it holds. It being gone is fine.</summary>
    Task RemoveAsync(string node, string path, CancellationToken cancel);
}
