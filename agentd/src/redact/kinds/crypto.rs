//! Chains, wallets, node providers and password hashes.

use super::{
    Kind,
    forms::{alnum, hex, lower, service, token, upper, uuid},
    near, shape,
};

pub(super) const KINDS: &[Kind] = &[
    near(
        "ethereum-key",
        "Ethereum private key",
        &["private_key", "privatekey", "priv_key", "eth_key", "ethereum", "wallet", "deployer", "mnemonic_key", "pk_"],
        &["0x[0-9a-fA-F]{64}", "[0-9a-fA-F]{64}"],
    ),
    near(
        "bitcoin-key",
        "Bitcoin private key",
        &["bitcoin", "btc_", "wif", "privkey", "private_key", "privatekey"],
        &["[5KL][1-9A-HJ-NP-Za-km-z]{50,51}", "c[1-9A-HJ-NP-Za-km-z]{51}"],
    ),
    shape(
        "bitcoin-extended",
        "Extended private key",
        &[
            "xprv[1-9A-HJ-NP-Za-km-z]{100,}",
            "yprv[1-9A-HJ-NP-Za-km-z]{100,}",
            "zprv[1-9A-HJ-NP-Za-km-z]{100,}",
            "tprv[1-9A-HJ-NP-Za-km-z]{100,}",
        ],
    ),
    near(
        "solana-key",
        "Solana private key",
        &["solana", "phantom", "private_key", "privatekey"],
        &["[1-9A-HJ-NP-Za-km-z]{86,88}"],
    ),
    shape("nostr-key", "Nostr private key", &["nsec1[02-9ac-hj-np-z]{58}"]),
    shape("sui-key", "Sui private key", &["suiprivkey1[02-9ac-hj-np-z]{50,}"]),
    near("stellar-key", "Stellar secret", &["stellar"], &["S[A-Z2-7]{55}"]),
    near("aptos-key", "Aptos private key", &["aptos"], &["ed25519-priv-0x[0-9a-f]{64}", "0x[0-9a-f]{64}"]),
    shape(
        "aptos-shape",
        "Aptos private key by its prefix",
        &["ed25519-priv-0x[0-9a-f]{64}", "secp256k1-priv-0x[0-9a-f]{64}"],
    ),
    near("infura-key", "Infura key", &["infura"], &[hex!(32)]),
    shape("infura-url", "Infura address with its key", &["infura\\.io/v3/[0-9a-f]{32}"]),
    shape("alchemy-key", "Alchemy key", &["alcht_[A-Za-z0-9]{30}"]),
    shape(
        "alchemy-url",
        "Alchemy address with its key",
        &["alchemy\\.com/v2/[A-Za-z0-9_-]{21,}", "alchemyapi\\.io/v2/[A-Za-z0-9_-]{21,}"],
    ),
    near("alchemy-near", "Alchemy key beside the name", &["alchemy"], &[token!(32), token!(21)]),
    shape("quicknode-url", "QuickNode address with its token", &["quiknode\\.pro/[0-9a-f]{40}"]),
    near("quicknode-key", "QuickNode key", &["quicknode"], &["QN_[0-9a-f]{32}", hex!(40)]),
    near(
        "etherscan-key",
        "Block explorer key",
        &["etherscan", "bscscan", "polygonscan", "arbiscan", "snowtrace", "ftmscan", "basescan"],
        &[upper!(34)],
    ),
    near(
        "moralis-key",
        "Moralis key",
        &["moralis"],
        &[alnum!(64), "eyJ[A-Za-z0-9_-]{20,}\\.eyJ[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{40,}"],
    ),
    near(
        "pinata-key",
        "Pinata secret",
        &["pinata"],
        &[hex!(64), hex!(20), "eyJ[A-Za-z0-9_-]{20,}\\.eyJ[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{40,}"],
    ),
    near(
        "web3-storage-key",
        "web3.storage token",
        &["web3_storage", "web3storage", "nft_storage", "nftstorage"],
        &["eyJ[A-Za-z0-9_-]{20,}\\.eyJ[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{40,}"],
    ),
    shape("crossmint-key", "Crossmint key", &["sk_production_[A-Za-z0-9]{60,}", "sk_staging_[A-Za-z0-9]{60,}"]),
    shape("helius-url", "Helius address with its key", &[concat!("helius-rpc\\.com/\\?api-key=", uuid!())]),
    shape(
        "hash-bcrypt",
        "bcrypt hash",
        &[
            "\\$2a\\$[0-9]{2}\\$[./A-Za-z0-9]{53}",
            "\\$2b\\$[0-9]{2}\\$[./A-Za-z0-9]{53}",
            "\\$2y\\$[0-9]{2}\\$[./A-Za-z0-9]{53}",
            "\\$2x\\$[0-9]{2}\\$[./A-Za-z0-9]{53}",
        ],
    ),
    shape(
        "hash-md5crypt",
        "md5crypt hash",
        &["\\$1\\$[./A-Za-z0-9]{1,8}\\$[./A-Za-z0-9]{22}", "\\$apr1\\$[./A-Za-z0-9]{1,8}\\$[./A-Za-z0-9]{22}"],
    ),
    shape(
        "hash-sha256crypt",
        "sha256crypt hash",
        &[
            "\\$5\\$[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{43}",
            "\\$5\\$rounds=[0-9]{1,9}\\$[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{43}",
        ],
    ),
    shape(
        "hash-sha512crypt",
        "sha512crypt hash",
        &[
            "\\$6\\$[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{86}",
            "\\$6\\$rounds=[0-9]{1,9}\\$[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{86}",
        ],
    ),
    shape(
        "hash-yescrypt",
        "yescrypt hash",
        &[
            "\\$y\\$[./A-Za-z0-9]{2,8}\\$[./A-Za-z0-9]{8,40}\\$[./A-Za-z0-9]{43}",
            "\\$7\\$[./A-Za-z0-9]{10,}\\$[./A-Za-z0-9]{43}",
        ],
    ),
    shape(
        "hash-argon2",
        "Argon2 hash",
        &[
            "\\$argon2id\\$v=[0-9]{1,3}\\$m=[0-9]{1,9},t=[0-9]{1,4},p=[0-9]{1,4}\\$[A-Za-z0-9+/]{8,}\\$[A-Za-z0-9+/]{16,}",
            "\\$argon2i\\$v=[0-9]{1,3}\\$m=[0-9]{1,9},t=[0-9]{1,4},p=[0-9]{1,4}\\$[A-Za-z0-9+/]{8,}\\$[A-Za-z0-9+/]{16,}",
            "\\$argon2d\\$v=[0-9]{1,3}\\$m=[0-9]{1,9},t=[0-9]{1,4},p=[0-9]{1,4}\\$[A-Za-z0-9+/]{8,}\\$[A-Za-z0-9+/]{16,}",
        ],
    ),
    shape(
        "hash-scram",
        "SCRAM verifier",
        &["SCRAM-SHA-256\\$[0-9]{1,9}:[A-Za-z0-9+/=]{8,}\\$[A-Za-z0-9+/=]{20,}:[A-Za-z0-9+/=]{20,}"],
    ),
    shape(
        "hash-pbkdf2",
        "Django hash",
        &[
            "pbkdf2_sha256\\$[0-9]{1,9}\\$[A-Za-z0-9]{6,}\\$[A-Za-z0-9+/=]{40,}",
            "pbkdf2_sha1\\$[0-9]{1,9}\\$[A-Za-z0-9]{6,}\\$[A-Za-z0-9+/=]{24,}",
        ],
    ),
    shape(
        "hash-ldap",
        "LDAP hash",
        &[
            "\\{SSHA\\}[A-Za-z0-9+/=]{28,}",
            "\\{SHA\\}[A-Za-z0-9+/=]{28}",
            "\\{SMD5\\}[A-Za-z0-9+/=]{24,}",
            "\\{SSHA512\\}[A-Za-z0-9+/=]{80,}",
        ],
    ),
    shape(
        "hash-cisco",
        "Cisco IOS hash",
        &["\\$8\\$[./A-Za-z0-9]{8,16}\\$[./A-Za-z0-9]{43}", "\\$9\\$[./A-Za-z0-9]{8,16}\\$[./A-Za-z0-9]{43}"],
    ),
    shape("hash-wordpress", "phpass hash", &["\\$P\\$B[./A-Za-z0-9]{30}", "\\$H\\$9[./A-Za-z0-9]{30}"]),
    shape(
        "hash-kerberos",
        "Kerberos reply hash",
        &[
            "\\$krb5asrep\\$23\\$[0-9a-f]{32}\\$[0-9a-f]{64,}",
            "\\$krb5tgs\\$23\\$\\*[A-Za-z0-9.$/_-]{3,120}\\*\\$[0-9a-f]{32}\\$[0-9a-f]{64,}",
        ],
    ),
    service!("blocknative", "Blocknative", uuid!()),
    service!("blockfrost", "Blockfrost", "mainnet[A-Za-z0-9]{32}", "preprod[A-Za-z0-9]{32}", "testnet[A-Za-z0-9]{32}"),
    service!("tatum", "Tatum", uuid!(), "t-[0-9a-f]{24}-[0-9a-f]{24}"),
    service!("nftport", "NFTPort", uuid!()),
    service!("opensea", "OpenSea", hex!(32)),
    service!("covalent", "Covalent", "ckey_[0-9a-f]{27}", "cqt_[A-Za-z0-9]{30,}"),
    service!("ethplorer", "Ethplorer", "EK-[A-Za-z0-9]{5}-[A-Za-z0-9]{7}-[A-Za-z0-9]{5}"),
    service!("purestake", "PureStake", alnum!(40)),
    service!("getblock", "GetBlock", uuid!(), hex!(32)),
    service!("tronscan", "TRON", uuid!()),
    service!("thegraph", "The Graph", hex!(32), lower!(32)),
];
