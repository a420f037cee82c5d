//! Speaks RESP2 over a socket, in as few words as tests need.
//!
//! ```text
//!   client   call(["GET", "k"])  -->  *2 $3 GET $1 k     -->  read_reply
//!   server   read_command        <--                     <--  bytes of the test's choosing
//! ```
//!
//! A plain client that shares no code with the engine: what it reads is what is on the server.
//! [`Monitor`] tells which commands arrived there.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

/// A reply of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// `+OK`
    Simple(String),
    /// `-ERR ..`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$-1`
    Nil,
    /// `$5 hello`
    Bulk(Vec<u8>),
    /// `*2 ..`
    Array(Vec<Reply>),
}

impl Reply {
    /// What it says, whatever its kind; of an array, what its parts say.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) | Self::Error(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Nil => String::new(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Array(parts) => parts.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }
}

/// A connection of a plain client.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a server on this machine.
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).expect("the server is up")
    }

    /// Connects to a server on this machine, if it is up.
    ///
    /// # Errors
    ///
    /// What the socket said.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command and reads its reply, if the connection lasts that long.
    ///
    /// # Errors
    ///
    /// What the socket said.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, command: &[A]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(&pack(command))?;
        read_reply(&mut self.stream)
    }

    /// Sends a command and reads its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Reply {
        self.stream.get_mut().write_all(&pack(command)).expect("the server reads");
        read_reply(&mut self.stream).expect("the server answers")
    }
}

/// Sees every command that a server is sent, in order.
pub struct Monitor {
    client: Client,
    port: u16,
}

impl Monitor {
    /// Starts to listen; commands from now on are seen.
    pub fn start(port: u16) -> Self {
        let mut client = Client::connect(port);
        assert_eq!(client.call(&["MONITOR"]), Reply::Simple("OK".to_owned()));
        Self { client, port }
    }

    /// The commands that arrived since the last look.
    ///
    /// Waits for no time: a mark is sent by another connection, and everything before it is
    /// everything.
    pub fn seen(&mut self) -> Vec<Vec<Vec<u8>>> {
        const MARK: &str = "end of what the test looks at";
        Client::connect(self.port).call(&["ECHO", MARK]);
        let mut commands = Vec::new();
        loop {
            let reply = read_reply(&mut self.client.stream).expect("the server monitors");
            let Reply::Simple(line) = reply else { panic!("not a monitor line: {reply:?}") };
            let command = parse_monitor_line(&line);
            if command.get(1).is_some_and(|argument| argument == MARK.as_bytes()) {
                return commands;
            }
            commands.push(command);
        }
    }
}

/// A command as a client sends it.
pub fn pack<A: AsRef<[u8]>>(command: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for argument in command {
        bytes.extend_from_slice(&bulk(argument.as_ref()));
    }
    bytes
}

/// A bulk string as either side sends it.
pub fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Reads the command that a client sent; `None` if it has gone instead.
///
/// # Errors
///
/// What the socket said, or [`io::ErrorKind::InvalidData`] for what is no command.
pub fn read_command(stream: &mut impl BufRead) -> io::Result<Option<Vec<Vec<u8>>>> {
    if stream.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let Reply::Array(parts) = read_reply(stream)? else { return Err(invalid()) };
    let arguments = parts.into_iter().map(|part| match part {
        Reply::Bulk(bytes) => Ok(bytes),
        _ => Err(invalid()),
    });
    arguments.collect::<io::Result<_>>().map(Some)
}

fn read_reply(stream: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    let line = String::from_utf8(line).map_err(|_| invalid())?;
    let line = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(invalid)?;
    let number = || rest.parse::<i64>().map_err(|_| invalid());
    Ok(match kind {
        "+" => Reply::Simple(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(number()?),
        "$" if rest == "-1" => Reply::Nil,
        "$" => {
            let mut bytes = vec![0; usize::try_from(number()?).map_err(|_| invalid())?];
            stream.read_exact(&mut bytes)?;
            let mut end = [0; 2];
            stream.read_exact(&mut end)?;
            if end != *b"\r\n" {
                return Err(invalid());
            }
            Reply::Bulk(bytes)
        }
        "*" => {
            let parts = (0..number()?).map(|_| read_reply(stream));
            Reply::Array(parts.collect::<io::Result<_>>()?)
        }
        _ => return Err(invalid()),
    })
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// The arguments in `1700000000.123456 [0 127.0.0.1:5000] "SET" "key" "a \"value\""`.
fn parse_monitor_line(line: &str) -> Vec<Vec<u8>> {
    let (_, quoted) = line.split_once("] ").expect("a monitor line names the client");
    let mut arguments = Vec::new();
    let mut bytes = quoted.bytes();
    while let Some(b'"') = bytes.by_ref().find(|byte| *byte != b' ') {
        let mut argument = Vec::new();
        loop {
            match bytes.next().expect("a closing quote") {
                b'"' => break,
                b'\\' => argument.push(match bytes.next().expect("an escaped character") {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    b'x' => {
                        let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                        let digits = String::from_utf8(digits).expect("two digits");
                        u8::from_str_radix(&digits, 16).expect("two digits")
                    }
                    other => other,
                }),
                other => argument.push(other),
            }
        }
        arguments.push(argument);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_line_gives_the_arguments_as_they_were_sent() {
        let line = r#"1700.1 [0 127.0.0.1:1] "SET" "k\x00\xff" "{\"a\":\"\\ud800\n\"}""#;

        let seen = parse_monitor_line(line);

        assert_eq!(seen, [&b"SET"[..], b"k\0\xff", b"{\"a\":\"\\ud800\n\"}"]);
    }

    #[test]
    fn a_packed_command_is_read_as_it_was() {
        let bytes = pack(&[&b"SET"[..], b"k", b"a\r\nb"]);

        let read = read_command(&mut &bytes[..]).expect("a command");

        assert_eq!(read, Some(vec![b"SET".to_vec(), b"k".to_vec(), b"a\r\nb".to_vec()]));
        assert!(read_command(&mut &bytes[..bytes.len() - 1]).is_err());
        assert_eq!(read_command(&mut &b""[..]).expect("an end"), None);
    }
}
