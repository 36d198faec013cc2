using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Authentication;

/// <summary>The keys of service account tokens: one signs, all check. JSON Web Signatures in compact form with RS256, ES256, ES384 or ES512 (RFC 7515, RFC 7518). Thread-safe.</summary>
public sealed class ServiceAccountKeys
{
    private readonly IReadOnlyList<Key> _keys;

    private ServiceAccountKeys(IReadOnlyList<Key> keys) => _keys = keys;

    private sealed record Key(string Id, string Algorithm, HashAlgorithmName Hash, AsymmetricAlgorithm Value);

    /// <param name="signingKeyPem">The private key that signs; its public half checks too.</param>
    /// <param name="otherKeyPems">Public or private keys; each text may hold several PEM blocks.</param>
    /// <exception cref="CryptographicException">A text holds no key that can be used; the message says which kinds can.</exception>
    public static ServiceAccountKeys Load(string signingKeyPem, IEnumerable<string> otherKeyPems)
    {
        List<Key> keys = [.. Read(signingKeyPem).Take(1)];
        if (keys.Count == 0) throw new CryptographicException("the service account signing key is no PEM private key (RSA, P-256, P-384 or P-521)");
        foreach (var key in Read(signingKeyPem).Skip(1).Concat(otherKeyPems.SelectMany(Read)))
            if (keys.All(known => known.Id != key.Id)) keys.Add(key);
        return new ServiceAccountKeys(keys);
    }

    /// <summary>The algorithms of all keys, sorted.</summary>
    public IReadOnlyList<string> Algorithms => [.. _keys.Select(key => key.Algorithm).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Header, payload and signature with dots between.</summary>
    public string Sign(ReadOnlySpan<byte> payload)
    {
        var key = _keys[0];
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"{{key.Algorithm}}","kid":"{{key.Id}}"}"""))}.{Base64Url.EncodeToString(payload)}";
        var bytes = Encoding.ASCII.GetBytes(signed);
        // An AsymmetricAlgorithm is not safe for two threads at once.
        byte[] signature;
        lock (key)
            signature = key.Value switch
            {
                RSA rsa => rsa.SignData(bytes, key.Hash, RSASignaturePadding.Pkcs1),
                ECDsa ec => ec.SignData(bytes, key.Hash),
                var other => throw new InvalidOperationException($"key of type {other.GetType().Name}"),
            };
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    /// <param name="keyId">The header's kid; empty: any key may have signed.</param>
    /// <returns>Null: the signature is right; else why not.</returns>
    public string? Check(string algorithm, string keyId, ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
    {
        var candidates = keyId.Length == 0 ? _keys : [.. _keys.Where(key => key.Id == keyId)];
        if (candidates.Count == 0) return "invalid signature, no keys found";
        foreach (var key in candidates)
        {
            if (key.Algorithm != algorithm) continue;
            lock (key)
            {
                if (key.Value is RSA rsa && rsa.VerifyData(signed, signature, key.Hash, RSASignaturePadding.Pkcs1)) return null;
                if (key.Value is ECDsa ec && ec.VerifyData(signed, signature, key.Hash)) return null;
            }
        }
        return "go-jose/go-jose: error in cryptographic primitive";
    }

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517).</summary>
    public JsonObject ToKeySet()
    {
        var keys = new JsonArray();
        foreach (var key in _keys)
        {
            var jwk = new JsonObject { ["use"] = "sig", ["kty"] = key.Value is RSA ? "RSA" : "EC", ["kid"] = key.Id };
            if (key.Value is RSA rsa)
            {
                var parameters = rsa.ExportParameters(false);
                jwk["alg"] = key.Algorithm;
                jwk["n"] = Base64Url.EncodeToString(parameters.Modulus);
                jwk["e"] = Base64Url.EncodeToString(parameters.Exponent);
            }
            else
            {
                var parameters = ((ECDsa)key.Value).ExportParameters(false);
                jwk["crv"] = key.Algorithm switch { "ES256" => "P-256", "ES384" => "P-384", _ => "P-521" };
                jwk["alg"] = key.Algorithm;
                jwk["x"] = Base64Url.EncodeToString(parameters.Q.X);
                jwk["y"] = Base64Url.EncodeToString(parameters.Q.Y);
            }
            keys.Add((JsonNode)jwk);
        }
        return new JsonObject { ["keys"] = keys };
    }

    private static IEnumerable<Key> Read(string pem)
    {
        for (var rest = pem; PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            var block = rest[fields.Location];
            if (rest[fields.Label] is not ("RSA PRIVATE KEY" or "EC PRIVATE KEY" or "PRIVATE KEY" or "PUBLIC KEY" or "RSA PUBLIC KEY")) continue; // EC PARAMETERS, certificates
            yield return Load(block);
        }
    }

    private static Key Load(string block)
    {
        // Only the label says RSA or EC for the old formats; for PKCS#8 and SPKI try one after the other.
        if (!block.Contains("EC PRIVATE", StringComparison.Ordinal))
        {
            var rsa = RSA.Create();
            try
            {
                rsa.ImportFromPem(block);
                return new Key(IdOf(rsa.ExportSubjectPublicKeyInfo()), "RS256", HashAlgorithmName.SHA256, rsa);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                rsa.Dispose(); // not RSA: it must be an elliptic curve, whose import reports what is wrong
            }
        }
        var ec = ECDsa.Create();
        ec.ImportFromPem(block);
        var (algorithm, hash) = ec.KeySize switch
        {
            256 => ("ES256", HashAlgorithmName.SHA256),
            384 => ("ES384", HashAlgorithmName.SHA384),
            521 => ("ES512", HashAlgorithmName.SHA512),
            var size => throw new CryptographicException($"a service account key is an elliptic curve key of {size} bits; 256, 384 and 521 work"),
        };
        return new Key(IdOf(ec.ExportSubjectPublicKeyInfo()), algorithm, hash, ec);
    }

    private static string IdOf(byte[] publicKeyInfo) => Base64Url.EncodeToString(SHA256.HashData(publicKeyInfo));
}
