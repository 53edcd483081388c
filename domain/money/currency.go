package money

import "strings"

// currencies lists the active ISO 4217 codes by the number of their decimals.
var currencies = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP " +
		"GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL " +
		"MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN " +
		"QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD " +
		"TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// places is currencies turned round once, for look-ups.
var places = byCode()

func byCode() map[string]int {
	out := make(map[string]int, 180)
	for n, codes := range currencies {
		for code := range strings.FieldsSeq(codes) {
			out[code] = n
		}
	}
	return out
}

// Places is the number of decimals of a currency's minor unit (2 for USD, 0
// for JPY, 3 for KWD); false for a code that ISO 4217 does not list.
func Places(currency string) (int, bool) {
	n, ok := places[currency]
	return n, ok
}
