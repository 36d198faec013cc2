using System.Formats.Tar;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Supervisor.Runtime;

/// <summary>The image of the sandbox container, made on the spot so that a node starts with no registry: one static program of some 300 bytes that
/// ignores SIGCHLD (the kernel then reaps what a shared process namespace leaves behind), ends at SIGINT and SIGTERM, and sleeps for ever.</summary>
public static class PauseImage
{
    // x86-64: rt_sigaction(SIGCHLD, SIG_IGN); rt_sigaction(SIGINT, quit); rt_sigaction(SIGTERM, quit); again: pause(); jmp again; quit: exit(0).
    // The two structures of the kernel's sigaction follow the code; the image is loaded at 0x400000 and the code begins at 0x400078.
    private const string CodeX64 =
        "b80d000000bf11000000488d355700000031d241ba080000000f05b80d000000bf02000000488d355c00000031d241ba080000000f05b80d000000bf0f000000488d3541000000"
        + "31d241ba080000000f05b8220000000f05ebf7b83c00000031ff0f050f1f44000001000000000000000000000000000000000000000000000000000000000000"
        + "00d2004000000000000000000400000000d2004000000000000000000000000000";

    // arm64: the same with ppoll(NULL, 0, NULL, NULL) in place of pause, which the architecture does not have.
    private const string CodeArm64 =
        "c81080d2200280d281030010020080d2030180d2010000d4c81080d2400080d2c1030010020080d2030180d2010000d4c81080d2e00180d201030010020080d2030180d2010000d4"
        + "280980d2000080d2010080d2020080d2030080d2040080d2010000d4f9ffff17a80b80d2000080d2010000d41f2003d50100000000000000000000000000000000000000"
        + "000000000000000000000000e000400000000000000000000000000000000000000000000000000000000000";

    private const ulong LoadAddress = 0x400000;
    private const int HeaderBytes = 0x78;

    /// <summary>The static ELF program for an architecture.</summary>
    public static byte[] Program(Architecture architecture)
    {
        var (machine, code) = architecture switch
        {
            Architecture.X64 => ((ushort)62, Convert.FromHexString(CodeX64)),
            Architecture.Arm64 => ((ushort)183, Convert.FromHexString(CodeArm64)),
            _ => throw new PlatformNotSupportedException($"no pause program for {architecture}; Bramble runs on x86-64 and arm64"),
        };
        var elf = new MemoryStream();
        using var writer = new BinaryWriter(elf);
        writer.Write([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        writer.Write((ushort)2);                                  // ET_EXEC
        writer.Write(machine);
        writer.Write(1u);
        writer.Write(LoadAddress + HeaderBytes);                  // entry
        writer.Write(64ul);                                       // program header's offset
        writer.Write(0ul);
        writer.Write(0u);
        foreach (ushort half in new ushort[] { 64, 56, 1, 0, 0, 0 }) writer.Write(half);
        writer.Write(1u);                                         // PT_LOAD
        writer.Write(5u);                                         // readable, executable
        writer.Write(0ul);
        writer.Write(LoadAddress);
        writer.Write(LoadAddress);
        writer.Write((ulong)(HeaderBytes + code.Length));
        writer.Write((ulong)(HeaderBytes + code.Length));
        writer.Write(0x10000ul);
        writer.Write(code);
        return elf.ToArray();
    }

    /// <summary>An OCI image layout as a tar archive, to be imported under <paramref name="reference"/>.</summary>
    public static byte[] Archive(string reference, Architecture architecture)
    {
        var layer = Tar(("pause", Program(architecture), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead
            | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute));
        var arch = architecture == Architecture.X64 ? "amd64" : "arm64";
        var config = Json(new JsonObject
        {
            ["architecture"] = arch,
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Entrypoint"] = new JsonArray("/pause"), ["User"] = "65535:65535" },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(Digest(layer)) },
        });
        var manifest = Json(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", config),
            ["layers"] = new JsonArray(Descriptor("application/vnd.oci.image.layer.v1.tar", layer)),
        });
        var entry = Descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
        entry["platform"] = new JsonObject { ["architecture"] = arch, ["os"] = "linux" };
        entry["annotations"] = new JsonObject { ["io.containerd.image.name"] = reference, ["org.opencontainers.image.ref.name"] = reference };
        var index = Json(new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(entry) });
        const UnixFileMode readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        return Tar(
            ("oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), readable),
            ("index.json", index, readable),
            (Blob(manifest), manifest, readable),
            (Blob(config), config, readable),
            (Blob(layer), layer, readable));
    }

    private static JsonObject Descriptor(string mediaType, byte[] content) =>
        new() { ["mediaType"] = mediaType, ["digest"] = Digest(content), ["size"] = content.Length };

    private static byte[] Json(JsonObject tree) => Encoding.UTF8.GetBytes(tree.ToJsonString());

    private static string Digest(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    private static string Blob(byte[] content) => "blobs/sha256/" + Convert.ToHexStringLower(SHA256.HashData(content));

    private static byte[] Tar(params (string Name, byte[] Content, UnixFileMode Mode)[] files)
    {
        var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, TarEntryFormat.Ustar, leaveOpen: true))
            foreach (var (name, content, mode) in files)
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
                {
                    DataStream = new MemoryStream(content),
                    Mode = mode,
                    // The same bytes on every node and at every start: one digest.
                    ModificationTime = DateTimeOffset.UnixEpoch,
                });
        return archive.ToArray();
    }
}
