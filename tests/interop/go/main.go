// SPDX-License-Identifier: MIT OR Apache-2.0

// The go-libp2p peer of the interoperability tests. It follows ../CONTRACT.md:
// `listen` serves the test protocols, `dial` connects to a listener and runs tests on it.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/webrtc"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/libp2p/go-libp2p/p2p/transport/webtransport"
	"github.com/multiformats/go-multiaddr"
)

const (
	agent = "go-libp2p/0.51.0 interop"

	perfProtocol  protocol.ID = "/perf/1.0.0"
	echoProtocol  protocol.ID = "/echo/1.0.0"
	resetProtocol protocol.ID = "/interop/reset/1.0.0"
	openProtocol  protocol.ID = "/interop/open/1.0.0"

	resetCode   network.StreamErrorCode = 7
	testTimeout                         = 60 * time.Second
	echoSize                            = 100_000 // halfclose, if it does not say
	smallEcho                           = 1_000   // streams and open
	perfBlock                           = 64 << 10
)

// A result is what one test adds to its JSON line besides "test" and "ok".
type result map[string]any

type options struct {
	listen        []string
	security      string
	muxer         string
	keyType       string
	dialerVersion int
}

func main() {
	if len(os.Args) < 2 {
		usage("the first argument must be listen or dial")
	}
	var opts options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError) // exits 2, as the contract asks
	flags.Func("listen", "a multiaddr to listen on", func(addr string) error {
		opts.listen = append(opts.listen, addr)
		return nil
	})
	flags.StringVar(&opts.security, "security", "noise,tls", "in order of preference")
	flags.StringVar(&opts.muxer, "muxer", "yamux", "in order of preference")
	flags.StringVar(&opts.keyType, "key-type", "ed25519", "ed25519, secp256k1, ecdsa or rsa")
	raw := flags.Bool("raw", false, "WebTransport without libp2p instead (raw.go, raw_dial.go)")
	flags.IntVar(&opts.dialerVersion, "dialer-version", 1, "of webrtc-direct: 1 or 2")

	switch command := os.Args[1]; command {
	case "listen":
		flags.Parse(os.Args[2:])
		if *raw {
			listenRaw()
			return
		}
		if len(opts.listen) == 0 {
			opts.listen = []string{"/ip4/127.0.0.1/tcp/0"}
		}
		listen(newHost(opts))
	case "dial":
		target, tests := splitDialArguments(flags, os.Args[2:])
		if *raw {
			dialRaw(target)
			return
		}
		dial(newHost(opts), target, tests)
	default:
		usage("unknown command " + command)
	}
}

// Options may stand before and after the multiaddr, which Go's flag package alone does not allow.
func splitDialArguments(flags *flag.FlagSet, args []string) (target string, tests []string) {
	var words []string
	for flags.Parse(args); flags.NArg() > 0; flags.Parse(args) {
		words = append(words, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(words) == 0 {
		usage("dial needs a multiaddr")
	}
	return words[0], words[1:]
}

func usage(problem string) {
	fmt.Fprintln(os.Stderr, "go-peer:", problem)
	os.Exit(2)
}

// ---- the host ----

func newHost(opts options) host.Host {
	hostOptions := []libp2p.Option{
		libp2p.Identity(newKey(opts.keyType)),
		libp2p.UserAgent(agent),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableMetrics(),
		libp2p.DisableRelay(),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New,
			websocket.WithTLSConfig(selfSignedTLS()),
			websocket.WithTLSClientConfig(&tls.Config{InsecureSkipVerify: true})),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Transport(libp2pwebtransport.New),
		libp2p.Transport(libp2pwebrtc.New, libp2pwebrtc.WithDialerVersion(opts.dialerVersion)),
	}
	for name := range strings.SplitSeq(opts.security, ",") {
		switch name {
		case "noise":
			hostOptions = append(hostOptions, libp2p.Security(noise.ID, noise.New))
		case "tls":
			hostOptions = append(hostOptions, libp2p.Security(libp2ptls.ID, libp2ptls.New))
		default:
			usage("unknown security " + name)
		}
	}
	if opts.muxer != "yamux" {
		usage("go-libp2p no longer has muxer " + opts.muxer)
	}
	hostOptions = append(hostOptions, libp2p.Muxer(yamux.ID, yamux.DefaultTransport))
	if len(opts.listen) > 0 {
		hostOptions = append(hostOptions, libp2p.ListenAddrStrings(opts.listen...))
	} else {
		hostOptions = append(hostOptions, libp2p.NoListenAddrs)
	}

	h, err := libp2p.New(hostOptions...)
	if err != nil {
		usage(err.Error())
	}
	h.SetStreamHandler(echoProtocol, serveEcho)
	return h
}

func newKey(keyType string) crypto.PrivKey {
	kinds := map[string]int{
		"ed25519": crypto.Ed25519, "secp256k1": crypto.Secp256k1, "ecdsa": crypto.ECDSA, "rsa": crypto.RSA,
	}
	kind, known := kinds[keyType]
	if !known {
		usage("unknown key type " + keyType)
	}
	key, _, err := crypto.GenerateKeyPair(kind, 2048)
	must(err)
	return key
}

// selfSignedTLS is the certificate of wss listeners; diallers of the tests accept any.
func selfSignedTLS() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// ---- the listener ----

func listen(h host.Host) {
	h.SetStreamHandler(perfProtocol, servePerf)
	h.SetStreamHandler(resetProtocol, serveReset)
	h.SetStreamHandler(openProtocol, func(s network.Stream) { serveOpen(h, s) })

	addrs, err := h.Network().InterfaceListenAddresses()
	must(err)
	network := h.Network().(interface {
		AddCertHashes([]multiaddr.Multiaddr) []multiaddr.Multiaddr
	})
	for _, addr := range network.AddCertHashes(addrs) {
		fmt.Printf("%s/p2p/%s\n", addr, h.ID())
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	h.Close()
}

func serveEcho(s network.Stream) {
	if _, err := io.Copy(s, s); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

func servePerf(s network.Stream) {
	var wanted uint64
	if err := binary.Read(s, binary.BigEndian, &wanted); err != nil {
		s.Reset()
		return
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		s.Reset()
		return
	}
	if err := writeZeros(s, wanted); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

func serveReset(s network.Stream) {
	io.ReadFull(s, make([]byte, 1))
	s.ResetWithError(resetCode)
}

func serveOpen(h host.Host, s network.Stream) {
	defer s.Close()
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	answer := "ok"
	if err := echo(ctx, h, s.Conn().RemotePeer(), smallEcho); err != nil {
		answer = err.Error()
	}
	io.WriteString(s, answer)
}

// ---- the dialler ----

// A session is one connection to a listener, and the tests that can run on it.
type session struct {
	host       host.Host
	remote     peer.ID
	conn       network.Conn
	identified event.Subscription
}

func dial(h host.Host, target string, tests []string) {
	info, err := peer.AddrInfoFromString(target)
	if err != nil {
		usage(err.Error())
	}
	s := &session{host: h, remote: info.ID}
	for _, test := range tests {
		if name, _, _ := strings.Cut(test, ":"); s.tests()[name] == nil {
			usage("unknown test " + test)
		}
	}
	s.identified, err = h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	must(err)

	allPassed := run("connect", func(ctx context.Context) (result, error) {
		h.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
		s.conn, err = h.Network().DialPeer(ctx, info.ID)
		if err != nil {
			return nil, err
		}
		state := s.conn.ConnState()
		return result{"peer": info.ID.String(), "security": state.Security, "muxer": state.StreamMultiplexer}, nil
	})
	for _, test := range tests {
		name, arguments, _ := strings.Cut(test, ":")
		allPassed = s.conn != nil && run(name, func(ctx context.Context) (result, error) {
			return s.tests()[name](ctx, numbers(arguments))
		}) && allPassed
	}
	h.Close()
	if !allPassed {
		os.Exit(1)
	}
}

// run performs one test, prints its JSON line and tells whether it passed.
func run(name string, perform func(context.Context) (result, error)) bool {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	start := time.Now()
	line, err := perform(ctx)
	if line == nil {
		line = result{}
	}
	line["test"], line["ok"], line["ms"] = name, err == nil, milliseconds(time.Since(start))
	if err != nil {
		line["error"] = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(line)
	return err == nil
}

func (s *session) tests() map[string]func(context.Context, []int) (result, error) {
	return map[string]func(context.Context, []int) (result, error){
		"ping":      s.ping,
		"identify":  s.identify,
		"perf":      s.perf,
		"halfclose": s.halfclose,
		"reset":     s.reset,
		"streams":   s.streams,
		"open":      s.open,
		"idle":      s.idle,
	}
}

func (s *session) ping(ctx context.Context, args []int) (result, error) {
	var times []time.Duration
	for answer := range ping.Ping(ctx, s.host, s.remote) {
		if answer.Error != nil {
			return nil, answer.Error
		}
		if times = append(times, answer.RTT); len(times) >= argument(args, 0, 1) {
			break
		}
	}
	slices.Sort(times)
	return result{"count": len(times), "rtt_ms": milliseconds(times[len(times)/2])}, nil
}

func (s *session) identify(ctx context.Context, _ []int) (result, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, errors.New("no identify message came")
		case e := <-s.identified.Out():
			message := e.(event.EvtPeerIdentificationCompleted)
			if message.Conn != s.conn {
				continue
			}
			observed := ""
			if message.ObservedAddr != nil {
				observed = message.ObservedAddr.String()
			}
			return result{
				"agent":     message.AgentVersion,
				"protocols": message.Protocols,
				"observed":  observed,
				"listen":    message.ListenAddrs,
			}, nil
		}
	}
}

// perf counts the upload as over when the first byte of the answer, or its end, has come.
func (s *session) perf(ctx context.Context, args []int) (result, error) {
	up, down := argument(args, 0, 1<<20), argument(args, 1, 1<<20)
	start := time.Now()
	stream, err := s.openStream(ctx, s.remote, perfProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	if err := binary.Write(stream, binary.BigEndian, uint64(down)); err != nil {
		return nil, err
	}
	if err := writeZeros(stream, uint64(up)); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	first, err := stream.Read(make([]byte, 1))
	if err != nil && err != io.EOF {
		return nil, err
	}
	uploaded := time.Now()
	rest, err := io.Copy(io.Discard, stream)
	if err != nil {
		return nil, err
	}
	if received := first + int(rest); received != down {
		return nil, fmt.Errorf("%d bytes came instead of %d", received, down)
	}
	return result{
		"up_mbit":   megabitsPerSecond(up, uploaded.Sub(start)),
		"down_mbit": megabitsPerSecond(down, time.Since(uploaded)),
	}, nil
}

func (s *session) halfclose(ctx context.Context, args []int) (result, error) {
	return nil, echo(ctx, s.host, s.remote, argument(args, 0, echoSize))
}

func (s *session) reset(ctx context.Context, _ []int) (result, error) {
	stream, err := s.openStream(ctx, s.remote, resetProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	if _, err := stream.Write([]byte{0}); err != nil {
		return nil, err
	}
	_, err = stream.Read(make([]byte, 1))
	// rust's QUIC finishes the stream it drops, and only refuses what is sent to it.
	for attempt := 0; err == io.EOF && attempt < 20; attempt++ {
		if _, err := stream.Write([]byte{0}); err != nil {
			return result{"seen": err.Error()}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	var code *network.StreamError
	if errors.As(err, &code) {
		return result{"seen": err.Error(), "code": code.ErrorCode}, nil // 0 where the transport carries none
	}
	if errors.Is(err, network.ErrReset) {
		return result{"seen": err.Error()}, nil
	}
	return nil, fmt.Errorf("expected a reset, got %v", err)
}

// streams has all its streams open, each with one byte echoed, before any of them sends its payload.
func (s *session) streams(ctx context.Context, args []int) (result, error) {
	count := argument(args, 0, 1)
	open := make([]network.Stream, count)
	for i := range open {
		stream, err := s.openStream(ctx, s.remote, echoProtocol)
		if err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		defer stream.Reset()
		first := []byte{byte(i)}
		if _, err := stream.Write(first); err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		if _, err := io.ReadFull(stream, first); err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		open[i] = stream
	}
	failures := make(chan error, count)
	for _, stream := range open {
		go func() { failures <- echoOn(stream, smallEcho) }()
	}
	var failure error
	for range open {
		failure = cmp.Or(failure, <-failures) // the first is enough
	}
	return result{"count": count}, failure
}

func (s *session) open(ctx context.Context, _ []int) (result, error) {
	stream, err := s.openStream(ctx, s.remote, openProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if _, err := stream.Write([]byte{0}); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(stream)
	if err == nil && string(answer) != "ok" {
		err = fmt.Errorf("the listener answered %q", answer)
	}
	return nil, err
}

func (s *session) idle(ctx context.Context, args []int) (result, error) {
	time.Sleep(time.Duration(argument(args, 0, 1)) * time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if s.conn.IsClosed() {
		return nil, errors.New("the connection was closed while idle")
	}
	return s.ping(ctx, nil)
}

func (s *session) openStream(ctx context.Context, to peer.ID, id protocol.ID) (network.Stream, error) {
	return openStream(ctx, s.host, to, id)
}

// ---- small things ----

func openStream(ctx context.Context, h host.Host, to peer.ID, id protocol.ID) (network.Stream, error) {
	stream, err := h.NewStream(network.WithNoDial(ctx, "interop"), to, id)
	if err != nil {
		return nil, err
	}
	if deadline, set := ctx.Deadline(); set {
		stream.SetDeadline(deadline)
	}
	return stream, nil
}

// echo sends a payload on a new stream, half closes it and checks that all of it comes back.
func echo(ctx context.Context, h host.Host, to peer.ID, size int) error {
	stream, err := openStream(ctx, h, to, echoProtocol)
	if err != nil {
		return err
	}
	defer stream.Reset()
	return echoOn(stream, size)
}

func echoOn(stream network.Stream, size int) error {
	payload := make([]byte, size)
	rand.Read(payload)
	sent := make(chan error, 1)
	go func() {
		_, err := stream.Write(payload)
		sent <- errors.Join(err, stream.CloseWrite())
	}()
	received, err := io.ReadAll(stream)
	if err = errors.Join(err, <-sent); err != nil {
		return err
	}
	if !bytes.Equal(received, payload) {
		return fmt.Errorf("the echo of %d bytes has %d bytes or differs", size, len(received))
	}
	return nil
}

func writeZeros(w io.Writer, count uint64) error {
	block := make([]byte, perfBlock)
	for count > 0 {
		n, err := w.Write(block[:min(count, perfBlock)])
		if err != nil {
			return err
		}
		count -= uint64(n)
	}
	return nil
}

func numbers(arguments string) []int {
	var parsed []int
	for text := range strings.FieldsFuncSeq(arguments, func(r rune) bool { return r == ':' }) {
		number, err := strconv.Atoi(text)
		if err != nil {
			usage("not a number: " + text)
		}
		parsed = append(parsed, number)
	}
	return parsed
}

func argument(args []int, index, fallback int) int {
	if index < len(args) {
		return args[index]
	}
	return fallback
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func megabitsPerSecond(byteCount int, d time.Duration) float64 {
	return float64(byteCount) * 8 / 1e6 / max(d.Seconds(), 1e-9)
}
