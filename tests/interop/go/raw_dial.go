// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// rawServer is a WebTransport server without libp2p, the connection to it, and the session of the present case. The
// connection is ours: one that webtransport-go makes for a session ends with it at once, and what the session said last is
// lost with it.
type rawServer struct {
	origin  string
	conn    *webtransport.ClientConn
	session *webtransport.Session
}

// dialRaw goes through the cases of a raw dial (CONTRACT.md), one after another: those of /echo in
// one session, those of /command in another. A case that fails is the last.
func dialRaw(target string) {
	s := &rawServer{}
	if !run("connect", func(ctx context.Context) (result, error) { return nil, s.connect(ctx, target) }) {
		os.Exit(1)
	}
	for _, c := range []struct {
		name, path string
		perform    func(context.Context) error
	}{
		{"echo", "/echo", s.echo},
		{"reset", "/echo", s.reset},
		{"one-way", "/echo", s.oneWay},
		{"datagram", "/echo", s.datagram},
		{"close", "/echo", s.close},
		{"opened", "/command", s.opened},
		{"was-reset", "/command", s.wasReset},
		{"was-closed", "/command", s.wasClosed},
	} {
		if !run(c.name, func(ctx context.Context) (result, error) {
			if s.session == nil {
				var err error
				if _, s.session, err = s.conn.Dial(ctx, s.origin+c.path, nil); err != nil {
					return nil, err
				}
			}
			return nil, c.perform(ctx)
		}) {
			os.Exit(1)
		}
	}
}

// connect accepts, as a browser does, a certificate with one of the address's hashes.
func (s *rawServer) connect(ctx context.Context, target string) error {
	address, err := multiaddr.NewMultiaddr(target)
	if err != nil {
		usage(err.Error())
	}
	var host, port string
	var hashes []string
	multiaddr.ForEach(address, func(c multiaddr.Component) bool {
		switch c.Protocol().Code {
		case multiaddr.P_IP4:
			host = c.Value()
		case multiaddr.P_UDP:
			port = c.Value()
		case multiaddr.P_CERTHASH:
			hashes = append(hashes, c.Value())
		}
		return true
	})
	conn, err := quic.DialAddr(ctx, net.JoinHostPort(host, port), &tls.Config{
		NextProtos:         []string{http3.NextProtoH3},
		InsecureSkipVerify: true, // by the hash instead
		VerifyPeerCertificate: func(certificates [][]byte, _ [][]*x509.Certificate) error {
			digest := sha256.Sum256(certificates[0])
			hash := "u" + base64.RawURLEncoding.EncodeToString(append([]byte{0x12, 0x20}, digest[:]...))
			if !slices.Contains(hashes, hash) {
				return errors.New("the server shows another certificate")
			}
			return nil
		},
	}, &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true})
	if err != nil {
		return err
	}
	s.origin = "https://" + net.JoinHostPort(host, port)
	s.conn, err = new(webtransport.Transport).NewClientConn(conn)
	return err
}

func (s *rawServer) echo(ctx context.Context) error {
	stream, err := s.session.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	payload := make([]byte, echoSize)
	rand.Read(payload)
	sent := make(chan error, 1)
	go func() {
		_, err := stream.Write(payload)
		sent <- errors.Join(err, stream.Close())
	}()
	return errors.Join(cameBack(stream, payload), <-sent)
}

func (s *rawServer) oneWay(ctx context.Context) error {
	payload := make([]byte, smallEcho)
	rand.Read(payload)
	out, err := s.session.OpenUniStreamSync(ctx)
	if err != nil {
		return err
	}
	if _, err := out.Write(payload); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	back, err := s.session.AcceptUniStream(ctx)
	if err != nil {
		return err
	}
	return cameBack(back, payload)
}

func cameBack(stream io.Reader, payload []byte) error {
	received, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	if !bytes.Equal(received, payload) {
		return fmt.Errorf("of %d bytes %d came back, or others", len(payload), len(received))
	}
	return nil
}

// datagram sends one until one is back: they may be lost.
func (s *rawServer) datagram(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			s.session.SendDatagram([]byte("datagram"))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	back, err := s.session.ReceiveDatagram(ctx)
	if err == nil && string(back) != "datagram" {
		err = fmt.Errorf("%q came back", back)
	}
	return err
}

// reset waits for the echo of a byte before: a reset that overtakes the head of its stream is lost.
func (s *rawServer) reset(ctx context.Context) error {
	for _, code := range []webtransport.StreamErrorCode{0, 29, 30, 255} {
		stream, err := s.session.OpenStreamSync(ctx)
		if err != nil {
			return err
		}
		if _, err := stream.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := stream.Read(make([]byte, 1)); err != nil {
			return err
		}
		stream.CancelWrite(code)
		stream.CancelRead(code)
	}
	return nil
}

func (s *rawServer) close(context.Context) error {
	err := s.session.CloseWithError(7, "bye, ünïcode")
	s.session = nil
	return err
}

func (s *rawServer) order(ctx context.Context, command string) (*webtransport.Stream, error) {
	stream, err := s.session.OpenStreamSync(ctx)
	if err == nil {
		_, err = io.WriteString(stream, command+"\n")
	}
	return stream, err
}

func (s *rawServer) opened(ctx context.Context) error {
	if _, err := s.order(ctx, "open"); err != nil {
		return err
	}
	both, err := s.session.AcceptStream(ctx)
	if err != nil {
		return err
	}
	one, err := s.session.AcceptUniStream(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(cameBack(both, []byte("both ways")), cameBack(one, []byte("one way")))
	return errors.Join(err, both.Close())
}

func (s *rawServer) wasReset(ctx context.Context) error {
	stream, err := s.order(ctx, "reset 31")
	if err != nil {
		return err
	}
	_, err = stream.Read(make([]byte, 1))
	var reset *webtransport.StreamError
	if !errors.As(err, &reset) || !reset.Remote || reset.ErrorCode != 31 {
		return fmt.Errorf("expected a reset with code 31, got %v", err)
	}
	return nil
}

func (s *rawServer) wasClosed(ctx context.Context) error {
	if _, err := s.order(ctx, "close 42 so long"); err != nil {
		return err
	}
	_, err := s.session.AcceptStream(ctx)
	var closed *webtransport.SessionError
	if !errors.As(err, &closed) || !closed.Remote || closed.ErrorCode != 42 || closed.Message != "so long" {
		return fmt.Errorf("expected code 42 and a reason, got %v", err)
	}
	return nil
}
