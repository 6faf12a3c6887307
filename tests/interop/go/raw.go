// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// listenRaw serves WebTransport without libp2p at the two paths of ../c/raw.h, and says on standard
// output what it sees. It ends with standard input.
func listenRaw() {
	config := selfSignedTLS()
	digest := sha256.Sum256(config.Certificates[0].Certificate[0])
	hash := base64.RawURLEncoding.EncodeToString(append([]byte{0x12, 0x20}, digest[:]...))
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	routes := http.NewServeMux()
	server := &webtransport.Server{H3: &http3.Server{TLSConfig: http3.ConfigureTLSConfig(config), Handler: routes}}
	routes.HandleFunc("/echo", serveRaw(server, echoSession))
	routes.HandleFunc("/command", serveRaw(server, commandSession))
	go func() { must(server.Serve(socket)) }()
	port := socket.LocalAddr().(*net.UDPAddr).Port
	fmt.Printf("/ip4/127.0.0.1/udp/%d/quic-v1/webtransport/certhash/u%s\nready\n", port, hash)
	io.Copy(io.Discard, os.Stdin)
}

func serveRaw(server *webtransport.Server, serve func(*webtransport.Session) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := server.Upgrade(w, r)
		if err != nil {
			return
		}
		err = serve(session)
		var closed *webtransport.SessionError
		if errors.As(err, &closed) {
			fmt.Printf("raw session closed: code %d, %s\n", closed.ErrorCode, closed.Message)
		} else {
			fmt.Printf("raw session closed: %v\n", err)
		}
	}
}

func echoSession(session *webtransport.Session) error {
	ctx := context.Background()
	go func() {
		for {
			datagram, err := session.ReceiveDatagram(ctx)
			if err != nil {
				return
			}
			session.SendDatagram(datagram)
		}
	}()
	go func() {
		for {
			stream, err := session.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			go echoOneWay(session, stream)
		}
	}()
	for {
		stream, err := session.AcceptStream(ctx)
		if err != nil {
			return err
		}
		go func() {
			_, err := io.Copy(stream, stream)
			var reset *webtransport.StreamError
			if errors.As(err, &reset) {
				fmt.Printf("raw stream ended: reset, code %d\n", reset.ErrorCode)
				stream.CancelWrite(reset.ErrorCode)
			}
			stream.Close()
		}()
	}
}

func echoOneWay(session *webtransport.Session, stream *webtransport.ReceiveStream) {
	text, err := io.ReadAll(stream)
	if err != nil {
		return
	}
	if back, err := session.OpenUniStream(); err == nil {
		io.Copy(back, bytes.NewReader(text))
		back.Close()
	}
}

func commandSession(session *webtransport.Session) error {
	for {
		stream, err := session.AcceptStream(context.Background())
		if err != nil {
			return err
		}
		line, err := bufio.NewReader(stream).ReadString('\n')
		if err != nil {
			continue
		}
		var code uint32
		switch command, argument, _ := strings.Cut(strings.TrimSpace(line), " "); command {
		case "open":
			if both, err := session.OpenStream(); err == nil {
				io.WriteString(both, "both ways")
				both.Close()
			}
			if one, err := session.OpenUniStream(); err == nil {
				io.WriteString(one, "one way")
				one.Close()
			}
		case "reset":
			fmt.Sscanf(argument, "%d", &code)
			stream.CancelRead(webtransport.StreamErrorCode(code))
			stream.CancelWrite(webtransport.StreamErrorCode(code))
		case "close":
			number, reason, _ := strings.Cut(argument, " ")
			fmt.Sscanf(number, "%d", &code)
			session.CloseWithError(webtransport.SessionErrorCode(code), reason)
		}
	}
}
