using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Bramble.Supervisor.Joining;

/// <summary>scrypt (RFC 7914), in which K3s keeps node passwords. With N = 2^15, r = 8 it needs 32 MB for the moment, taken from the system and given back.</summary>
internal static class Scrypt
{
    /// <param name="cost">N, a power of two.</param>
    /// <param name="blockSize">r: blocks of 128 × r bytes.</param>
    /// <param name="parallelization">p.</param>
    public static byte[] Derive(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int cost, int blockSize, int parallelization, int length)
    {
        var blocks = Rfc2898DeriveBytes.Pbkdf2(password, salt, 1, HashAlgorithmName.SHA256, parallelization * 128 * blockSize);
        for (var i = 0; i < parallelization; i++) Mix(blocks.AsSpan(i * 128 * blockSize, 128 * blockSize), cost);
        return Rfc2898DeriveBytes.Pbkdf2(password, blocks, 1, HashAlgorithmName.SHA256, length);
    }

    private static unsafe void Mix(Span<byte> block, int cost)
    {
        var words = block.Length / 4;
        var memory = NativeMemory.Alloc((nuint)cost * (nuint)words, sizeof(uint));
        try
        {
            var table = (uint*)memory;
            Span<uint> x = new uint[words], scratch = new uint[words];
            for (var i = 0; i < words; i++) x[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(i * 4)..]);
            for (var i = 0; i < cost; i++)
            {
                x.CopyTo(new Span<uint>(table + (long)i * words, words));
                MixBlock(x, scratch);
            }
            for (var i = 0; i < cost; i++)
            {
                // Integerify: the first word of the last 64 bytes.
                var j = (int)(x[words - 16] & (uint)(cost - 1));
                var row = new ReadOnlySpan<uint>(table + (long)j * words, words);
                for (var k = 0; k < words; k++) x[k] ^= row[k];
                MixBlock(x, scratch);
            }
            for (var i = 0; i < words; i++) BinaryPrimitives.WriteUInt32LittleEndian(block[(i * 4)..], x[i]);
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    // scryptBlockMix: even blocks first, then odd ones.
    private static void MixBlock(Span<uint> b, Span<uint> y)
    {
        Span<uint> x = stackalloc uint[16];
        b[^16..].CopyTo(x);
        var count = b.Length / 16;
        for (var i = 0; i < count; i++)
        {
            for (var k = 0; k < 16; k++) x[k] ^= b[i * 16 + k];
            Salsa(x);
            x.CopyTo(y[((i / 2 + (i & 1) * (count / 2)) * 16)..]);
        }
        y.CopyTo(b);
    }

    private static void Salsa(Span<uint> block)
    {
        Span<uint> x = stackalloc uint[16];
        block.CopyTo(x);
        for (var round = 0; round < 8; round += 2)
        {
            Quarter(x, 0, 4, 8, 12);
            Quarter(x, 5, 9, 13, 1);
            Quarter(x, 10, 14, 2, 6);
            Quarter(x, 15, 3, 7, 11);
            Quarter(x, 0, 1, 2, 3);
            Quarter(x, 5, 6, 7, 4);
            Quarter(x, 10, 11, 8, 9);
            Quarter(x, 15, 12, 13, 14);
        }
        for (var i = 0; i < 16; i++) block[i] += x[i];
    }

    private static void Quarter(Span<uint> x, int a, int b, int c, int d)
    {
        x[b] ^= BitOperations.RotateLeft(x[a] + x[d], 7);
        x[c] ^= BitOperations.RotateLeft(x[b] + x[a], 9);
        x[d] ^= BitOperations.RotateLeft(x[c] + x[b], 13);
        x[a] ^= BitOperations.RotateLeft(x[d] + x[c], 18);
    }
}
