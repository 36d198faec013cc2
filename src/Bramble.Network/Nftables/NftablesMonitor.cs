using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Bramble.Network.Netlink;

namespace Bramble.Network.Nftables;

/// <summary>What happened to the kernel's rules since the last look.</summary>
/// <param name="IsForeign">Somebody else's tables changed.</param>
/// <param name="IsOursDeleted">A table of ours was deleted; by us, when we load it anew, or by somebody's <c>flush ruleset</c>.</param>
internal readonly record struct RulesetChange(bool IsForeign, bool IsOursDeleted);

/// <summary>Tells when rules change, whoever changes them, by the kernel's own notifications (group NFNLGRP_NFTABLES). Costs nothing while nobody does.
/// Source: linux/netfilter/nfnetlink.h, nf_tables.h.</summary>
internal sealed class NftablesMonitor(Func<string, bool> isOurTable) : IDisposable
{
    private const int NotificationGroup = 7;
    private const int Subsystem = 10;
    private const int DeleteTable = 2, NewGeneration = 15;

    private readonly Socket _socket = NetlinkSocket.OpenNotifications(NetlinkSocket.Netfilter, NotificationGroup);
    private readonly byte[] _buffer = new byte[128 * 1024];

    /// <summary>Waits for a change; several that come together are one.</summary>
    public async Task<RulesetChange> NextAsync(CancellationToken cancel)
    {
        var change = default(RulesetChange);
        while (change == default)
            try
            {
                var count = await _socket.ReceiveAsync(_buffer, cancel);
                change = Read(_buffer.AsSpan(0, count), change);
                change = Drain(change);
            }
            catch (SocketException overrun) when (overrun.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
            {
                // More than the kernel kept for us: whatever it was, look at everything.
                return new RulesetChange(IsForeign: true, IsOursDeleted: true);
            }
        return change;
    }

    /// <summary>Adds what has come meanwhile, without waiting.</summary>
    public RulesetChange Drain(RulesetChange known)
    {
        // One transaction is many messages; those of a transaction of ours say nothing new.
        while (true)
        {
            var count = _socket.Receive(_buffer, SocketFlags.None, out var error);
            if (error == SocketError.NoBufferSpaceAvailable) return new RulesetChange(IsForeign: true, IsOursDeleted: true);
            if (error != SocketError.Success) return known;
            known = Read(_buffer.AsSpan(0, count), known);
        }
    }

    public void Dispose() => _socket.Dispose();

    private RulesetChange Read(ReadOnlySpan<byte> messages, RulesetChange known)
    {
        while (messages.Length >= 20)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(messages);
            if (length < 20 || length > messages.Length) break;
            var type = BinaryPrimitives.ReadUInt16LittleEndian(messages[4..]);
            if (type >> 8 == Subsystem && (type & 0xff) != NewGeneration)
            {
                // The first attribute of tables, chains, rules, sets and elements is the table's name.
                var isOurs = NetlinkAttributes.Find(messages[20..length], 1) is { Length: > 1 } name && isOurTable(Encoding.UTF8.GetString(name[..^1]));
                known = new RulesetChange(known.IsForeign || !isOurs, known.IsOursDeleted || isOurs && (type & 0xff) == DeleteTable);
            }
            messages = messages[Math.Min((length + 3) & ~3, messages.Length)..];
        }
        return known;
    }
}
